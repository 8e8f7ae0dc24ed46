"""Times `tenon ls --quiet` on the largest containers that tenon's limits allow, and on half of each: parsing is linear.

python3 tools/benches/containers.py TENON prints a Markdown table. A time is CPU time, the best of three
runs, process start included.
"""

import io
import json
import pathlib
import pickle
import resource
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

LIMIT_S = 2.0
LIMIT_RATIO = 2.3
PROGRAM_LIMIT_S = 4.0  # sixteen million opcodes
INDEX_LIMIT_S = 4.0  # an index and the header of its shard, each of about 90 MB
HEADER_BYTES = 100_000_000
TENSORS = 262_144
OPCODES = 16_000_000 - 4


ENTRY = '"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'


def names(tensors, size):
    """Names of the length at which a header of so many tensors has about `size` bytes."""
    room = size // tensors - len(ENTRY.format("")) - 1
    return [str(i).zfill(room) for i in range(tensors)]


def header(tensors, size):
    """A safetensors file without data whose header has so many tensors in exactly so many bytes."""
    text = "{" + ",".join(ENTRY.format(name) for name in names(tensors, size)) + "}"
    text = text.ljust(size).encode()
    return struct.pack("<Q", len(text)) + text


def sharded(folder, tensors, size):
    folder.mkdir()
    (folder / "a.safetensors").write_bytes(header(tensors, size))
    index = {"weight_map": dict.fromkeys(names(tensors, size), "a.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def gguf(tensors):
    """As many values as tensors, each tensor one number."""
    def text(words):
        return struct.pack("<Q", len(words)) + words

    out = [b"GGUF", struct.pack("<IQQ", 3, tensors, tensors)]
    out += [text(b"key.%d" % i) + struct.pack("<I", 8) + text(b"value") for i in range(tensors)]
    out += [text(b"blk.%d.weight" % i) + struct.pack("<IQIQ", 1, 1, 0, 32 * i) for i in range(tensors)]
    head = b"".join(out)
    return head + bytes(-len(head) % 32 + 32 * tensors)


def program(opcodes):
    return b"\x80\x02" + b"N0" * (opcodes // 2 - 1) + b"}."


def legacy_stream(opcodes):
    begin = [0x1950A86A20F9469CFC6C, 1001, {}]
    return b"".join(pickle.dumps(part, protocol=2) for part in begin) + program(opcodes) + pickle.dumps([], protocol=2)


def legacy_tar(path, opcodes):
    def records(*parts):
        return b"".join(pickle.dumps(part, protocol=2) for part in parts)

    members = {"sys_info": records({}), "storages": records(0, []), "tensors": records(0), "pickle": program(opcodes)}
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as out:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))


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
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            ratio = times[1] / times[0]
            within = "yes" if times[1] <= limit and ratio <= LIMIT_RATIO else "**no**"
            print(f"| {what} | {times[0]:.2f} s | {times[1]:.2f} s | {ratio:.2f} | {limit:.0f} s, {LIMIT_RATIO} | {within} |")

        row("safetensors header, 100 MB, 262,144 tensors", LIMIT_S,
            lambda path, part: path.write_bytes(header(TENSORS // part, HEADER_BYTES // part)))
        row("safetensors header, 100 MB in one metadata value", LIMIT_S,
            lambda path, part: path.write_bytes(metadata(HEADER_BYTES // part)))
        row("zip, 200,000 entries", LIMIT_S,
            lambda path, part: archive(path, b"\x80\x02}.", [f"a/extra/{i}" for i in range(200_000 // part)]))
        row("sharded index, 262,144 tensors, and its shard", INDEX_LIMIT_S,
            lambda path, part: sharded(path, TENSORS // part, HEADER_BYTES // part))
        row("GGUF, 262,144 tensors and as many values", LIMIT_S,
            lambda path, part: path.write_bytes(gguf(TENSORS // part)))
        row("pickle, 16,000,000 opcodes", PROGRAM_LIMIT_S,
            lambda path, part: archive(path, program(OPCODES // part)))
        row("legacy stream, 16,000,000 opcodes", PROGRAM_LIMIT_S,
            lambda path, part: path.write_bytes(legacy_stream(OPCODES // part)))
        row("legacy tar, 16,000,000 opcodes", PROGRAM_LIMIT_S,
            lambda path, part: legacy_tar(path, OPCODES // part))
        row("pickle, 8,000,000 memo entries", PROGRAM_LIMIT_S,
            lambda path, part: archive(path, b"\x80\x02}" + b"\x94" * (8_000_000 // part) + b"."))


def metadata(size):
    text = b'{"__metadata__":{"a":"' + b"v" * (size - 25) + b'"}}'
    return struct.pack("<Q", len(text)) + text


if __name__ == "__main__":
    main()
