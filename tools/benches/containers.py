"""Times `tenon ls --quiet` on the largest containers that tenon's limits allow, and on half of each: parsing is linear.

python3 tools/benches/containers.py TENON prints a Markdown table. A time is CPU time, the best of three
runs, process start included.
"""

import pathlib
import resource
import struct
import subprocess
import sys
import tempfile
import zipfile

LIMIT_S = 2.0
LIMIT_RATIO = 2.3
PROGRAM_LIMIT_S = 4.0  # sixteen million opcodes
HEADER_BYTES = 100_000_000
TENSORS = 262_144


def header(tensors, size):
    """A safetensors file without data whose header has so many tensors in exactly so many bytes."""
    entry = '"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    room = size // tensors - len(entry.format("")) - 1
    text = "{" + ",".join(entry.format(str(i).zfill(room)) for i in range(tensors)) + "}"
    text = text.ljust(size).encode()
    return struct.pack("<Q", len(text)) + text


def archive(path, program, entries=()):
    with zipfile.ZipFile(path, "w") as out:
        for name, content in {"a/data.pkl": program, "a/version": b"3\n"}.items():
            out.writestr(zipfile.ZipInfo(name), content)
        for name in entries:
            out.writestr(zipfile.ZipInfo(name), b"")


def seconds(tenon, path):
    best = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([tenon, "ls", "--quiet", str(path)], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def main():
    tenon = sys.argv[1]
    print("| container | half | whole | ratio | limit | within |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)

        def row(what, limit, write):
            times = []
            for part in (2, 1):
                path = folder / "file"
                write(path, part)
                times.append(seconds(tenon, path))
                path.unlink()
            ratio = times[1] / times[0]
            within = "yes" if times[1] <= limit and ratio <= LIMIT_RATIO else "**no**"
            print(f"| {what} | {times[0]:.2f} s | {times[1]:.2f} s | {ratio:.2f} | {limit:.0f} s, {LIMIT_RATIO} | {within} |")

        row("safetensors header, 100 MB, 262,144 tensors", LIMIT_S,
            lambda path, part: path.write_bytes(header(TENSORS // part, HEADER_BYTES // part)))
        row("safetensors header, 100 MB in one metadata value", LIMIT_S,
            lambda path, part: path.write_bytes(metadata(HEADER_BYTES // part)))
        row("zip, 200,000 entries", LIMIT_S,
            lambda path, part: archive(path, b"\x80\x02}.", [f"a/extra/{i}" for i in range(200_000 // part)]))
        row("pickle, 16,000,000 opcodes", PROGRAM_LIMIT_S,
            lambda path, part: archive(path, b"\x80\x02" + b"N0" * (7_999_998 // part) + b"}."))
        row("pickle, 8,000,000 memo entries", PROGRAM_LIMIT_S,
            lambda path, part: archive(path, b"\x80\x02}" + b"\x94" * (8_000_000 // part) + b"."))


def metadata(size):
    text = b'{"__metadata__":{"a":"' + b"v" * (size - 25) + b'"}}'
    return struct.pack("<Q", len(text)) + text


if __name__ == "__main__":
    main()
