"""Builds the files of tests/failures/cases.jsonl; tests/failures/README.md says how they are written."""
import fnmatch
import json
import re
import struct

import _support as support
import _torch_file


def expand(name):
    """Braces as a shell reads them: "{0..3}", "{weight,bias}"."""
    found = re.search(r"\{([^{}]*)\}", name)
    if not found:
        return [name]
    numbers = re.fullmatch(r"(\d+)\.\.(\d+)", found[1])
    choices = map(str, range(int(numbers[1]), int(numbers[2]) + 1)) if numbers else found[1].split(",")
    return [each for choice in choices for each in expand(name[:found.start()] + choice + name[found.end():])]


def listed(name):
    return support.tensor_list(f"{name}.tsv")


def shrunk(size, divisor):
    """Counts that the divisor does not divide (classes, positions, channels of an image) stay as they are."""
    return size // divisor if size % divisor == 0 else size


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def tensors_of(spec):
    """(name, dtype, shape) of a file's tensors."""
    tensors = []
    first, step = spec.get("every", [0, 1])
    for name, (dtype, shape) in list(listed(spec["list"]).items())[first::step] if "list" in spec else []:
        if not matches(name, spec.get("keep", ["*"])) or matches(name, spec.get("drop", [])):
            continue
        for old, new in spec.get("rename", []):
            name = re.sub(old, new, name)
        for pattern, other in spec.get("shapes", {}).items():
            shape = other if fnmatch.fnmatchcase(name, pattern) else shape
        tensors.append((name, spec.get("dtype", dtype), [shrunk(size, spec.get("shrink", 1)) for size in shape]))
    for pattern, dtype, shape in spec.get("add", []):
        tensors += [(name, dtype, shape) for name in expand(pattern)]
    return tensors


def inert(value):
    """Values beside the tensors; {"class": "module Name"} is an instance of that class."""
    if isinstance(value, dict) and set(value) == {"class"}:
        return _torch_file.Foreign(*value["class"].split())
    if isinstance(value, dict):
        return {key: inert(item) for key, item in value.items()}
    return value


def torch_file(path, tensors, how):
    state = {name: _torch_file.Tensor(dtype, shape, how.get("channels_last", False)) for name, dtype, shape in tensors}
    for key in reversed(how.get("nest", [])):
        state = {key: state}
    state |= {key: inert(value) for key, value in how.get("beside", {}).items()}
    options = {key: how[key] for key in ("root", "device", "script", "ordered") if key in how}
    path.write_bytes(_torch_file.torch_legacy(state) if how.get("legacy") else _torch_file.torch_zip(state, **options))


def shard_index(of):
    """The index of a list of which shard i has every n-th tensor, from the i-th on."""
    names = list(listed(of["list"]))
    count = of["shards"]
    file = lambda number: f"{of['stem']}-{number + 1:05}-of-{count:05}.{of['ext']}"
    return {"metadata": {}, "weight_map": {name: file(place % count) for place, name in enumerate(names)}}


def long_header(path, length):
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", length) + b"{")
        file.truncate(8 + length)


def damage(path, spec):
    """`cut` and `extra` bytes at the end; `zeros`: that part of the file (from, to, as fractions) is overwritten."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        if "zeros" in spec:
            begin, end = (int(size * fraction) for fraction in spec["zeros"])
            file.seek(begin)
            file.write(bytes(end - begin))
        file.truncate(size - spec.get("cut", 0) + spec.get("extra", 0))


def write_file(spec, folder, prefix="", shuffle=lambda tensors: None):
    path = folder / spec["name"]
    path.parent.mkdir(parents=True, exist_ok=True)
    if "text" in spec:
        path.write_text(spec["text"])
    elif "json" in spec:
        path.write_text(json.dumps(spec["json"]))
    elif "hex" in spec:
        path.write_bytes(bytes.fromhex(spec["hex"]))
    elif "index" in spec:
        path.write_text(json.dumps(shard_index(spec["index"])))
    elif "header" in spec:
        long_header(path, spec["header"])
    else:
        tensors = [(prefix + name, dtype, shape) for name, dtype, shape in tensors_of(spec)]
        shuffle(tensors)
        if "torch" in spec:
            torch_file(path, tensors, spec["torch"])
        else:
            as_dict = {name: (dtype, shape) for name, dtype, shape in tensors}
            support.write_safetensors(path, as_dict, short=spec.get("short", 0))
    damage(path, spec)
