"""5,000 seeded mutations of sound safetensors files: what tenon accepts, safetensors accepts with the same tensors.

What tenon refuses beyond that are the codes of STRICTER, each as often as it says there, for the row of tests/formats that
it names, and marked as stricter in docs/container-codes.md. Every other file has one verdict.
"""

import collections
import json
import os
import pathlib
import random
import re
import struct
import sys
import tempfile

import safetensors

from _extra import other_counts, without_row
from _listings import listings

COUNT = 5000
# Code: how many of the files, and the row.
STRICTER = {
    "ST-DTYPE-TYPE": (40, "ST-062"),
    "ST-DUPLICATE": (22, "ST-050"),
    "ST-DUPLICATE-KEY": (27, "ST-055"),
    "ST-ENTRY": (44, "ST-061"),
    "ST-NAME-LIMIT": (11, "ST-046"),
    "ST-NAME-NUL": (38, "ST-045"),
    "ST-OVERFLOW": (7, "ST-117"),
    "ST-RANGE": (12, "ST-116"),
    "ST-RANK": (21, "ST-121"),
}


PAGE = pathlib.Path(os.environ["TENON_SOURCE_DIR"], "docs", "container-codes.md").read_text()


def sound(rng):
    """The members of a header, as JSON text by key, and the data."""
    sizes = {"F32": 4, "U8": 1, "BF16": 2, "I64": 8, "BOOL": 1}
    header, offset = [], 0
    for index in range(rng.randint(0, 4)):
        dtype = rng.choice(list(sizes))
        shape = [rng.randint(0, 3) for _ in range(rng.randint(0, 3))]
        count = 1
        for dim in shape:
            count *= dim
        end = offset + count * sizes[dtype]
        header.append((f't{index}', json.dumps({"dtype": dtype, "shape": shape, "data_offsets": [offset, end]})))
        offset = end
    if rng.random() < 0.3:
        header.append(("__metadata__", '{"format": "pt"}'))
    return header, bytes(rng.randrange(256) for _ in range(offset))


def written(header, data):
    text = ("{" + ", ".join(f'"{key}": {value}' for key, value in header) + "}").encode()
    return struct.pack("<Q", len(text)) + text + data


def said_oddly(rng, header, end):
    """The header with one more member, which readers of JSON take differently."""
    def empty(shape, **more):
        return json.dumps({"dtype": "U8", "shape": shape, "data_offsets": [end, end]} | more)

    odd = [
        rng.choice(header) if header else ("x", empty([0])),
        ("x", f'["U8", [0], [{end}, {end}]]'),
        ("x", f'{{"dtype": {{"U8": null}}, "shape": [0], "data_offsets": [{end}, {end}]}}'),
        ("x", f'{{"shape": [0], "dtype": "U8", "shape": [0], "data_offsets": [{end}, {end}]}}'),
        ("x\\u0000", empty([0])),
        ("x" * rng.randint(4090, 4100), empty([0])),
        ("x", empty([1] * rng.randint(60, 68) + [0])),
        ("x", empty([0, 2 ** rng.randint(61, 64)])),
        ("x", empty([2 ** rng.randint(30, 33), 2 ** rng.randint(30, 33), 0])),
        ("x", empty([0], more="?").replace("?", "\\ud800")),
        ("x", empty([0], more="?").replace("?", "\\x")),
        ("__metadata__", '{"a": "b", "a": "c"}'),
        ("\\u0078", empty([0])),
    ]
    at = rng.randint(0, len(header))
    return header[:at] + [rng.choice(odd)] + header[at:]


def mutated(rng):
    header, tensors = sound(rng)
    if rng.random() < 0.1:
        return written(said_oddly(rng, header, len(tensors)), tensors)
    data = bytearray(written(header, tensors))
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at : at + rng.randint(1, 4)]
        elif kind == 2:
            data[at:at] = bytes(rng.choice(b'{}[]",:0123456789 \x00') for _ in range(rng.randint(1, 3)))
        elif kind == 3:
            data[at] = rng.choice(b'{}[]",:0123456789 ')
        else:
            length = max(0, struct.unpack("<Q", bytes(data[:8]).ljust(8, b"\0"))[0] + rng.randint(-2, 2))
            data[:8] = struct.pack("<Q", length % 2**64)
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def reference(data):
    try:
        return {name: (info["dtype"], list(info["shape"]), bytes(info["data"])) for name, info in safetensors.deserialize(data)}
    except safetensors.SafetensorError:
        return None


def compare(data, document, stricter):
    expected = reference(data)
    error = document["error"]
    if error is not None:
        if expected is not None:
            stricter[error["code"]] += 1
        return None
    if expected is None:
        return "accepted by tenon only"
    found = {}
    for tensor in document["tensors"]:
        begin = tensor["offset"]
        found[tensor["name"]] = (tensor["dtype"], tensor["shape"], data[begin : begin + tensor["bytes"]])
    return None if found == expected else f"other tensors: {found} for {expected}"


def main():
    rng = random.Random(9)
    failures, accepted, stricter = [], 0, collections.Counter()
    files = {f"{index}.safetensors": mutated(rng) for index in range(COUNT)}
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            pathlib.Path(folder, name).write_bytes(data)
        documents = listings(folder, list(files))
    for name, data in files.items():
        accepted += documents[name]["error"] is None
        problem = compare(data, documents[name], stricter)
        if problem:
            failures.append(f"{name}: {problem}: {data!r}")
    failures += other_counts({code: count for code, (count, _) in STRICTER.items()}, stricter)
    failures += without_row({code: row for code, (_, row) in STRICTER.items()})
    failures += [f"{code}: its page does not say so" for code in STRICTER if not re.search(rf"^\| `{code}` \|.*\*stricter\*", PAGE, re.M)]
    print(f"{COUNT} files, {accepted} accepted, {stricter.total()} refused by tenon only, {len(failures)} differences")
    print("\n".join(failures[:20]))
    if accepted < COUNT // 20:
        sys.exit("too few files were accepted for the comparison to mean much")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
