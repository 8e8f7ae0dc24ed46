"""5,000 seeded mutations of torch.save archives: what tenon and torch.load(weights_only=True) both accept holds the same.

Where only tenon refuses, its codes are those of ONLY_TENON: an archive in which two readers could disagree, or a program that
says something twice or something that torch passes over; each occurs as often as it says there, and for the row of
tests/formats that it names. Where only torch refuses, the tensors that tenon lists still lie inside the file, and the reason
is one of ONLY_TORCH.
"""

import collections
import io
import pathlib
import random
import sys
import tempfile
import traceback
import warnings
import zipfile

import torch

from _extra import other_counts, without_row
from _listings import listings

COUNT = 5000
DTYPES = {torch.float32: "F32", torch.uint8: "U8", torch.bfloat16: "BF16", torch.int64: "I64", torch.bool: "BOOL"}
# Code: how many of the files, and the row.
ONLY_TENON = {
    "PK-ARGUMENT": (1, "PK-LAZY"),  # metadata that is no dict, which torch takes where it is false
    "PK-PROTOCOL": (21, "PK-07"),
    "PK-STACK": (1, "PK-03"),
    "PK-TRAILING": (1, "PK-02"),
    "ZP-COMMENT": (6, "ZP-04"),
    "ZP-CRC": (3, "ZP-32"),
    "ZP-DESCRIPTOR": (34, "ZP-34"),
    "ZP-DIRECTORY": (6, "ZP-08"),
    "ZP-DISK": (9, "ZP-27"),
    "ZP-EXTRA": (4, "ZP-58"),
    "ZP-LOCAL": (22, "ZP-18"),
    "ZP-LOCAL-NAME": (56, "ZP-16"),
    "ZP-LOCAL-SIZE": (20, "ZP-17"),
    "ZP-NAME": (1, "ZP-35"),
    "ZP-TRAILING": (3, "ZP-03"),
    "ZP-VERSION": (18, "ZP-45"),
    "ZP-ZIP64": (14, "ZP-10"),
}
# Part of torch's message, or of its line that raised: how many of the files.
ONLY_TORCH = {
    "Unsupported global": 87,  # a class of another name, which tenon lists as an inert object
    ".storage_alignment": 68,  # a record that tenon does not read
    "serialization_id": 47,  # another
    "failed locating file data/": 2,  # the storage of a tensor without elements
}


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
    """The tensors, or why torch refuses the file."""
    try:
        return flat(torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")), None
    except Exception as error:  # torch raises a dozen kinds
        said = f"{error} {traceback.extract_tb(error.__traceback__)[-1].line}"
        return None, next((reason for reason in ONLY_TORCH if reason in said), said)


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


def compare(data, document, counts, only_tenon, only_torch):
    expected, reason = reference(data)
    error = document["error"]
    if error is not None:
        if expected is None:
            counts["both refuse"] += 1
        else:
            counts["only tenon refuses"] += 1
            only_tenon[error["code"]] += 1
        return None
    found = {tensor["name"]: tensor for tensor in document["tensors"]}
    for tensor in found.values():
        listed = held(data, tensor)
        if listed is not None and len(listed) != tensor["bytes"]:
            return f"outside the file: {tensor}"
    if expected is None:
        counts["only torch refuses"] += 1
        only_torch[reason] += 1
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
    only_tenon, only_torch = collections.Counter(), collections.Counter()
    files = {f"{index}.pt": mutated(rng) for index in range(COUNT)}
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            pathlib.Path(folder, name).write_bytes(data)
        documents = listings(folder, list(files))
    for name, data in files.items():
        problem = compare(data, documents[name], counts, only_tenon, only_torch)
        if problem:
            failures.append(f"{name}: {problem}")
    failures += other_counts({code: count for code, (count, _) in ONLY_TENON.items()}, only_tenon)
    failures += without_row({code: row for code, (_, row) in ONLY_TENON.items()})
    failures += other_counts(ONLY_TORCH, only_torch)
    print(f"{COUNT} files: {counts}, {len(failures)} differences")
    print("\n".join(failures[:40]))
    if counts["both accept"] < COUNT // 20:
        sys.exit("too few files were accepted for the comparison to mean much")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
