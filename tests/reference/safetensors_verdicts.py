"""5,000 seeded mutations of sound safetensors files: what tenon accepts, safetensors accepts with the same tensors.

What tenon refuses beyond that carries a code that docs/container-codes.md lists as such.
"""

import json
import pathlib
import random
import struct
import sys
import tempfile

import safetensors

from _listings import listings

COUNT = 5000
STRICTER = {
    "ST-DUPLICATE", "ST-DUPLICATE-KEY", "ST-ENTRY", "ST-DTYPE-TYPE", "ST-NAME-NUL", "ST-NAME-LIMIT", "ST-RANK", "ST-TENSORS",
    "ST-METADATA-LIMIT", "ST-RANGE", "ST-OVERFLOW", "ST-SURROGATE", "ST-ESCAPE",
}


def sound(rng):
    sizes = {"F32": 4, "U8": 1, "BF16": 2, "I64": 8, "BOOL": 1}
    header, offset = {}, 0
    for index in range(rng.randint(0, 4)):
        dtype = rng.choice(list(sizes))
        shape = [rng.randint(0, 3) for _ in range(rng.randint(0, 3))]
        count = 1
        for dim in shape:
            count *= dim
        end = offset + count * sizes[dtype]
        header[f"t{index}"] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    if rng.random() < 0.3:
        header["__metadata__"] = {"format": "pt"}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(rng.randrange(256) for _ in range(offset))


def mutated(rng):
    data = bytearray(sound(rng))
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


def compare(data, document):
    expected = reference(data)
    error = document["error"]
    if error is not None:
        allowed = expected is None or error["code"] in STRICTER
        return None if allowed else f"refused by tenon only: {error}"
    if expected is None:
        return "accepted by tenon only"
    found = {}
    for tensor in document["tensors"]:
        begin = tensor["offset"]
        found[tensor["name"]] = (tensor["dtype"], tensor["shape"], data[begin : begin + tensor["bytes"]])
    return None if found == expected else f"other tensors: {found} for {expected}"


def main():
    rng = random.Random(9)
    failures, accepted = [], 0
    files = {f"{index}.safetensors": mutated(rng) for index in range(COUNT)}
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            pathlib.Path(folder, name).write_bytes(data)
        documents = listings(folder, list(files))
    for name, data in files.items():
        accepted += documents[name]["error"] is None
        problem = compare(data, documents[name])
        if problem:
            failures.append(f"{name}: {problem}: {data!r}")
    print(f"{COUNT} files, {accepted} accepted, {len(failures)} differences")
    print("\n".join(failures[:20]))
    if accepted < COUNT // 20:
        sys.exit("too few files were accepted for the comparison to mean much")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
