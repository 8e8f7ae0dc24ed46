"""The tar files of torch before 0.1.10, which no torch writes any more, read by today's torch and by tenon."""

import io
import os
import pickle
import random
import struct
import sys
import tarfile
import tempfile
import warnings

import torch

from _listings import run

CLASSES = {"FloatStorage": torch.float32, "LongStorage": torch.int64, "ByteStorage": torch.uint8}
DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8"}


class Reference:
    """What the program names by its key."""

    def __init__(self, key):
        self.key = key


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return str(value.key) if isinstance(value, Reference) else None


def dump(value):
    out = io.BytesIO()
    Pickler(out, 2).dump(value)
    return out.getvalue()


def words(*values):
    return struct.pack(f"<{len(values)}q", *values)


def member(archive, name, content, with_times):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mtime = 1480000000.25 if with_times else 0
    archive.addfile(info, io.BytesIO(content))


def written(rng):
    """An archive of a few storages, one of them part of another, and the views that its tensors are."""
    storages, tensors, names, views, windows = b"", b"", {}, [], []
    count = rng.randint(1, 3)
    for index in range(count):
        name = rng.choice(list(CLASSES))
        elements = rng.randint(4, 12)
        size = torch.empty(0, dtype=CLASSES[name]).element_size()
        storages += dump((100 + index, "cpu", getattr(torch, name))) + words(elements) + rng.randbytes(elements * size)
        windows.append((100 + index, elements, name))
    whole, elements, name = windows[0]
    if rng.random() < 0.5:
        views.append((150, whole, 1, elements - 2))
        windows.append((150, elements - 2, name))
    for index in range(rng.randint(1, 4)):
        key, elements, name = rng.choice(windows)
        rows = rng.randint(1, 2)
        columns = elements // 2 if rows == 2 else elements - 1
        sizes, strides = [rows, columns], [columns, 1] if rng.random() < 0.7 else [1, rows]
        offset = rng.randint(0, elements - rows * columns)
        kind = name.replace("Storage", "Tensor")
        tensors += dump((200 + index, key, getattr(torch, kind))) + struct.pack("<ii", 2, 0)
        tensors += words(*sizes, *strides, offset)
        names[f"layer.{index}"] = Reference(200 + index)
    parts = {
        "sys_info": dump({"protocol_version": 1000}),
        "pickle": dump(names),
        "storages": dump(count) + storages + dump(views),
        "tensors": dump(len(names)) + tensors,
    }
    out = io.BytesIO()
    with_times = rng.random() < 0.5
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        for part, content in parts.items():
            member(archive, part, content, with_times)
    return out.getvalue()


def same(data, found, tensor):
    if found["dtype"] != DTYPES[tensor.dtype] or found["shape"] != list(tensor.shape):
        return False
    begin = found["offset"]
    if begin is None:  # a view that skips elements
        return True
    raw = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor).flatten().view(torch.uint8).numpy().tobytes()
    return data[begin : begin + found["bytes"]] == raw


def main():
    warnings.simplefilter("ignore")
    rng = random.Random(9)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.tar")
        for index in range(200):
            data = written(rng)
            with open(path, "wb") as file:
                file.write(data)
            expected = torch.load(path, weights_only=False)
            document = run(folder, "ls", "case.tar")
            if document["error"] is not None:
                sys.exit(f"case {index}: {document['error']}")
            found = {tensor["name"]: tensor for tensor in document["tensors"]}
            if set(found) != set(expected):
                sys.exit(f"case {index}: {sorted(found)} for {sorted(expected)}")
            for name, tensor in expected.items():
                if not same(data, found[name], tensor):
                    sys.exit(f"case {index}: {name} differs: {found[name]}")
    print("200 archives, 0 differences")


if __name__ == "__main__":
    main()
