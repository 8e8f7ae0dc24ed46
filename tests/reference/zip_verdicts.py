"""5,000 seeded mutations of torch.save archives: what tenon and torch.load(weights_only=True) both accept holds the same.

Where only tenon refuses, its code is one of STRICTER: an archive in which two readers could disagree, or a program that says
something twice or something that torch passes over. Where only torch refuses, the tensors that tenon lists still lie inside
the file; what torch refuses there is a foreign class, which tenon lists as an inert object, or a record that tenon does not
read.
"""

import collections
import io
import pathlib
import random
import sys
import tempfile
import warnings
import zipfile

import torch

from _listings import listings

COUNT = 5000
DTYPES = {torch.float32: "F32", torch.uint8: "U8", torch.bfloat16: "BF16", torch.int64: "I64", torch.bool: "BOOL"}
STRICTER = set("""
ZP-PREFIX ZP-TRAILING ZP-COMMENT ZP-TWO-ENDS ZP-END ZP-COUNT ZP-DIRECTORY ZP-ZIP64 ZP-DISK ZP-ENTRY ZP-EXTRA ZP-DUPLICATE
ZP-CASE ZP-LOCAL ZP-LOCAL-NAME ZP-LOCAL-SIZE ZP-DESCRIPTOR ZP-OFFSET ZP-PAST-END ZP-OVERLAP ZP-GAP ZP-CRC ZP-METHOD
ZP-COMPRESSED ZP-LINK ZP-NAME ZP-NAME-UTF8 ZP-ROOTS ZP-VERSION ZP-NO-VERSION ZP-BYTEORDER ZP-STORAGE-SIZE ZP-ENCRYPTED
PK-TRAILING PK-STACK PK-MARK PK-PROTO PK-PROTOCOL PK-FRAME PK-KEY PK-KEY-EMPTY PK-KEY-NUL PK-DUPLICATE PK-DUPLICATE-KEY
PK-STORAGE-TWICE PK-ARGUMENT PK-TARGET PK-MEMO PK-UTF8 PK-GLOBAL-NAME PK-STORAGE-KEY PK-PERSISTENT PK-ODD
""".split())


def saved(rng):
    """The members of a small archive that torch.save wrote, without their padding."""
    value = {}
    for index in range(rng.randint(0, 3)):
        dtype = rng.choice(list(DTYPES))
        tensor = torch.randint(0, 2, [rng.randint(0, 3) for _ in range(rng.randint(0, 3))]).to(dtype)
        value[f"t{index}"] = tensor.t() if tensor.dim() == 2 and rng.random() < 0.3 else tensor
    if rng.random() < 0.3:
        value["nested"] = {"epoch": 3, "names": ["a", "b"]}
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def mutated_bytes(rng, data):
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at : at + rng.randint(1, 4)]
        elif kind == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 3)))
        else:
            data[at] ^= 1 << rng.randrange(8)
        if not data:
            data = bytearray(b"\0")
    return data


def with_mutated_member(rng, data):
    """Sound as an archive: one member is changed and every size, checksum and offset follows."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        spoiled = next(n for n in names if n.endswith("data.pkl")) if rng.random() < 0.8 else rng.choice(names)
        for name in names:
            content = old.read(name)
            if name == spoiled and content:
                content = bytes(mutated_bytes(rng, bytearray(content)))
            new.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def mutated(rng):
    data = saved(rng)
    kind = rng.random()
    if kind < 0.05:
        return data
    if kind < 0.6:
        return with_mutated_member(rng, data)
    return bytes(mutated_bytes(rng, bytearray(data)))


def flat(value, path=""):
    """The tensors by their path, as tenon names them."""
    if isinstance(value, torch.Tensor):
        return {path or "tensor": value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    found = {}
    for key, item in items:
        found.update(flat(item, f"{path}.{key}" if path else str(key)))
    return found


def reference(data):
    try:
        return flat(torch.load(io.BytesIO(data), weights_only=True, map_location="cpu"))
    except Exception:  # torch raises a dozen kinds
        return None


def held(data, tensor):
    """The bytes of a listed tensor; nothing for a view, whose place `ls` does not tell (tests/formats compares their values)."""
    return None if tensor["offset"] is None else data[tensor["offset"] : tensor["offset"] + tensor["bytes"]]


def same(expected, found, data):
    if DTYPES.get(expected.dtype) != found["dtype"] or list(expected.shape) != found["shape"]:
        return False
    raw = torch.empty(expected.shape, dtype=expected.dtype).copy_(expected).flatten().view(torch.uint8).numpy().tobytes()
    listed = held(data, found)
    if listed is None:
        return True
    return bytes(map(bool, raw)) == bytes(map(bool, listed)) if expected.dtype == torch.bool else raw == listed


def compare(data, document, counts, codes):
    expected = reference(data)
    error = document["error"]
    if error is not None:
        if expected is None:
            counts["both refuse"] += 1
            return None
        counts["only tenon refuses"] += 1
        codes[error["code"]] += 1
        return None if error["code"] in STRICTER else f"refused by tenon only: {error}"
    found = {tensor["name"]: tensor for tensor in document["tensors"]}
    for tensor in found.values():
        listed = held(data, tensor)
        if listed is not None and len(listed) != tensor["bytes"]:
            return f"outside the file: {tensor}"
    if expected is None:
        counts["only torch refuses"] += 1
        return None
    counts["both accept"] += 1
    if set(found) != set(expected):
        return f"other names: {sorted(found)} for {sorted(expected)}"
    wrong = [name for name, tensor in expected.items() if not same(tensor, found[name], data)]
    return f"other tensors: {wrong}" if wrong else None


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(9)
    rng = random.Random(9)
    failures = []
    counts = dict.fromkeys(("both accept", "both refuse", "only tenon refuses", "only torch refuses"), 0)
    codes = collections.Counter()
    files = {f"{index}.pt": mutated(rng) for index in range(COUNT)}
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            pathlib.Path(folder, name).write_bytes(data)
        documents = listings(folder, list(files))
    for name, data in files.items():
        problem = compare(data, documents[name], counts, codes)
        if problem:
            failures.append(f"{name}: {problem}")
    print(f"{COUNT} files: {counts}, {len(failures)} differences")
    print("only tenon:", dict(codes.most_common()))
    print("\n".join(failures[:40]))
    if counts["both accept"] < COUNT // 20:
        sys.exit("too few files were accepted for the comparison to mean much")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
