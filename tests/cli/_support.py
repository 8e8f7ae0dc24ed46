"""Runs tenon as a user does, and writes small checkpoints. Standard library only."""
import array
import json
import math
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

TENON = os.environ["TENON"]
SOURCE = Path(os.environ["TENON_SOURCE_DIR"])
DIGITS = SOURCE / "tests" / "data" / "digits"

ELEMENT_BITS = {"F64": 64, "I64": 64, "F32": 32, "I32": 32, "F16": 16, "BF16": 16, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8,
                "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4}


def tenon(*args, stdout=subprocess.PIPE, env=None, **kwargs):
    """The finished process; `stdout` and `stderr` as bytes. Any program that hangs is a failure."""
    return subprocess.run(
        [TENON, *args], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})}, timeout=120, **kwargs)


def document(*args, env=None):
    """The exit code and the one JSON document on standard output of `tenon ... --json`."""
    done = tenon(*args, "--json", env=env)
    return done.returncode, json.loads(done.stdout.decode("utf-8"))


def write_safetensors(path, tensors, metadata=None, short=0):
    """`tensors`: name -> (dtype, shape) for zeros, which take no room on the disk, or (dtype, shape, bytes). `short`: bytes that
    each tensor's range lacks."""
    header, contents, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, *content) in tensors.items():
        size = (ELEMENT_BITS[dtype] * math.prod(shape) + 7) // 8 - short
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        contents += [(offset, chunk) for chunk in content]
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for start, chunk in contents:
            file.seek(8 + len(text) + start)
            file.write(chunk)
        file.truncate(8 + len(text) + offset)


def tensor_list(name, prefix=""):
    """name -> (dtype, shape) of a list of tests/lists, every name behind `prefix`."""
    tensors = {}
    for line in (SOURCE / "tests" / "lists" / name).read_text().splitlines():
        tensor, dtype, shape = line.split("\t")
        tensors[prefix + tensor] = (dtype, [int(size) for size in shape.split(",")] if shape else [])
    return tensors


def write_list(path, name):
    """A safetensors file of zeros with the tensors of one list of tests/lists."""
    write_safetensors(path, tensor_list(f"{name}.tsv"))


def can_trace():
    """Whether this machine lets a process trace its child; many containers do not."""
    strace = shutil.which("strace")
    return strace is not None and subprocess.run(
        [strace, "-o", os.devnull, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def read_safetensors(path):
    """name -> (dtype, shape, bytes)."""
    content = Path(path).read_bytes()
    length = struct.unpack_from("<Q", content)[0]
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length:]
    return {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items()}


def floats(content):
    values = array.array("f")
    values.frombytes(content)
    return values


class TestCase(unittest.TestCase):
    """Each test has an empty folder of its own, `self.folder`."""

    maxDiff = None

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tenon-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def copy_digits(self, form="timm", name="model.safetensors", with_config=True):
        """A copy of one of the three digits checkpoints, alone in a folder; the path of its weights."""
        folder = self.folder / form
        folder.mkdir(exist_ok=True)
        source = next(p for p in (DIGITS / form).iterdir() if p.name != "config.json")
        shutil.copyfile(source, folder / name)
        if with_config:
            shutil.copyfile(DIGITS / form / "config.json", folder / "config.json")
        return folder / name

    def write(self, tensors, name="model.safetensors"):
        """The path of a file in the test's folder with these tensors."""
        path = self.folder / name
        write_safetensors(path, tensors)
        return str(path)

    def assert_one_line(self, done, code, *words):
        """The exit code, nothing on standard output, and on standard error one line with these words
        (beside the line of the remedy)."""
        errors = done.stderr.decode()
        self.assertEqual(done.returncode, code, errors)
        self.assertEqual(done.stdout or b"", b"")
        lines = errors.splitlines()
        self.assertTrue(lines, "nothing on standard error")
        self.assertLessEqual(len(lines), 2, errors)
        if len(lines) == 2:
            self.assertTrue(lines[1].startswith("  "), errors)
        self.assertLessEqual(len(lines[0].encode()), 600)
        for word in words:
            self.assertIn(word, lines[0])


def main():
    unittest.main(verbosity=2)
