"""torch.save files with values, read and written without torch; nothing in a file is executed.

A tensor is (dtype, shape, bytes), as in _support; a file holds nested dicts of them.
"""
import collections
import io
import math
import pickle
import zipfile
from pathlib import Path

from _torch_file import STORAGES, Tensor, torch_zip

DTYPES = {storage: dtype for dtype, (storage, _) in STORAGES.items()}


def _rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks):
    dtype, content = storage
    assert list(stride) == _strides(shape), "contiguous"
    begin = offset * STORAGES[dtype][1]
    return dtype, list(shape), content[begin:begin + STORAGES[dtype][1] * math.prod(shape)]


def _strides(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return strides


def write(path, content, device="cpu"):
    """Writes nested dicts of tensors as torch.save does since 1.6."""
    def wrapped(value):
        if isinstance(value, dict):
            return {key: wrapped(item) for key, item in value.items()}
        return Tensor(value[0], value[1], content=value[2]) if isinstance(value, tuple) else value
    Path(path).write_bytes(torch_zip(wrapped(content), device=device))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, records):
        super().__init__(file)
        self.records = records

    def find_class(self, module, name):
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor_v2
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid):
        kind, dtype, key, _, _ = pid
        assert kind == "storage"
        return dtype, self.records(key)


def read(path):
    """The nested dicts, in the file's order."""
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/", 1)[0]
        return _Unpickler(io.BytesIO(archive.read(f"{root}/data.pkl")),
                          lambda key: archive.read(f"{root}/data/{key}")).load()


def flat(content, prefix=""):
    """Nested dicts as one, names joined with dots."""
    names = {}
    for key, value in content.items():
        if isinstance(value, dict):
            names |= flat(value, f"{prefix}{key}.")
        else:
            names[prefix + key] = value
    return names
