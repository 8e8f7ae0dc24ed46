#!/usr/bin/env python3
"""The files of the chapter "failures": real names and shapes (tests/lists), zeros for weights. Standard library only.

    tools/demos/failures.py FOLDER

Nearly all of each file is a hole, so that gigabytes take a few hundred kilobytes of disk.
"""
import json
import math
import struct
import sys
import zlib
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path.append(str(TESTS / "cli"))
from _torch_file import Tensor, Writer

BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}


def listed(name):
    """{tensor name: (dtype, shape)} of one list."""
    tensors = {}
    for line in (TESTS / "lists" / f"{name}.tsv").read_text().splitlines():
        tensor, dtype, shape = line.split("\t")
        tensors[tensor] = (dtype, [int(size) for size in shape.split(",")] if shape else [])
    return tensors


def bytes_of(dtype, shape):
    return BYTES[dtype] * math.prod(shape)


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, (dtype, shape) in tensors.items():
        end = offset + bytes_of(dtype, shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)


def nested(tensors):
    """{"id_encoder.a.b": t} as torch.save got it: {"id_encoder": {"a.b": t}}."""
    parts = {}
    for name, tensor in tensors.items():
        part, rest = name.split(".", 1)
        parts.setdefault(part, {})[rest] = tensor
    return parts


def write_torch(path, tensors):
    """A torch.save file: stored entries in one folder, aligned to 64 bytes, zeros as holes."""
    writer = Writer()
    program = writer.program({part: {name: Tensor(*tensor) for name, tensor in inner.items()} for part, inner in nested(tensors).items()})
    entries = [("data.pkl", program), ("byteorder", b"little")]
    entries += [(f"data/{key}", size) for key, (_, size) in enumerate(writer.sizes)] + [("version", b"3\n")]
    checksums, directory = {}, b""
    with open(path, "wb") as file:
        for name, content in entries:
            name = f"archive/{name}".encode()
            size = content if isinstance(content, int) else len(content)
            if content not in checksums:
                checksums[content] = zlib.crc32(bytes(size) if isinstance(content, int) else content)
            begin = file.tell()
            padding = -(begin + 34 + len(name)) % 64
            sizes = struct.pack("<HHHIII", 0, 0, 0, checksums[content], size, size) + struct.pack("<H", len(name))
            extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
            file.write(b"PK\3\4" + struct.pack("<HH", 0, 0) + sizes + struct.pack("<H", len(extra)) + name + extra)
            if isinstance(content, int):
                file.seek(size, 1)
            else:
                file.write(content)
            directory += b"PK\1\2" + struct.pack("<HHH", 0, 0, 0) + sizes + struct.pack("<HHHHII", 0, 0, 0, 0, 0, begin) + name
        begin = file.tell()
        file.write(directory)
        file.write(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), begin, 0))


def as_half(tensors):
    return {name: ("F16", shape) for name, (_, shape) in tensors.items()}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    write_torch(folder / "photomaker-v2.bin", listed("photomaker/v2.official"))
    write_safetensors(folder / "internvit.safetensors", listed("vit/vit_intern300m_patch14_448.internvit"))
    write_safetensors(folder / "svd_xt.safetensors", as_half(listed("unet/svd.ldm")))
    write_safetensors(folder / "clip.safetensors", listed("clip/vit-b-32.transformers"))
    write_safetensors(folder / "siglip.safetensors", listed("declined/siglip.transformers"))
    write_safetensors(folder / "ip-adapter-run.safetensors", listed("ip_adapter/base-sd15.training"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
