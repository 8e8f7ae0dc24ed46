"""Loads that failed in public issues: each file is built anew, checked, and must get the answer that would have helped.

tests/failures/cases.jsonl has one case a line; tests/failures/README.md says how they are written. Each is run as it is,
with its tensors in another order, and, where nothing forbids it, under another prefix.
"""
import fnmatch
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ["TENON_SOURCE_DIR"])
TENON = os.environ["TENON"]
BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "F16": 16, "BF16": 16, "I32": 32,
        "F32": 32, "I64": 64, "F64": 64, "F4": 4}


def listed(name):
    for line in (ROOT / "tests/lists" / (name + ".tsv")).read_text().splitlines():
        tensor, dtype, shape = line.split("\t")
        yield tensor, dtype, [int(size) for size in shape.split(",")] if shape else []


def tensors_of(spec):
    tensors = []
    for name, dtype, shape in listed(spec["list"]) if "list" in spec else []:
        if "keep" in spec and not any(fnmatch.fnmatchcase(name, pattern) for pattern in spec["keep"]):
            continue
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in spec.get("drop", [])):
            continue
        for old, new in spec.get("rename", []):
            name = re.sub(old, new, name)
        tensors.append((name, spec.get("dtype", dtype), spec.get("shapes", {}).get(name, shape)))
    return tensors + [tuple(tensor) for tensor in spec.get("add", [])]


def elements(shape):
    product = 1
    for size in shape:
        product *= size
    return product


def write_safetensors(path, tensors, cut=0, extra=0):
    header, offset = {}, 0
    for name, dtype, shape in tensors:
        size = (elements(shape) * BITS[dtype] + 7) // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset - cut + extra)


def write_files(case, folder, prefix, shuffle):
    for spec in case["files"]:
        path = folder / spec["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if "text" in spec:
            path.write_text(spec["text"])
        elif "hex" in spec:
            path.write_bytes(bytes.fromhex(spec["hex"]))
        else:
            tensors = [(prefix + name, dtype, shape) for name, dtype, shape in tensors_of(spec)]
            shuffle(tensors)
            write_safetensors(path, tensors, spec.get("cut", 0), spec.get("extra", 0))


def verdict(case, folder):
    command = [TENON, case.get("verb", "check"), "--json", *case["args"]]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    try:
        return run.returncode, json.loads(run.stdout)
    except ValueError:
        raise AssertionError(f"no JSON (exit {run.returncode}): {run.stdout[:300]}{run.stderr[:300]}") from None


def answer_of(document):
    """The first line and its remedy, and the id."""
    first = document.get("error") or (document.get("diagnosis") or [{}])[0]
    return first.get("id") or first.get("code"), f"{first.get('cause') or first.get('message') or ''} | {first.get('remedy', '')}"


def judge(case, code, document):
    wrong = []
    if code != case["exit"]:
        wrong.append(f"exit {code}, not {case['exit']}")
    name, text = answer_of(document)
    if case["exit"] == 0 and document.get("diagnosis"):
        wrong.append("a sound file has a cause")
    if "answer" in case and name != case["answer"]:
        wrong.append(f"{name}, not {case['answer']}")
    wrong += [f"does not say {says!r}" for says in case.get("says", []) if not re.search(says, text)]
    whole = json.dumps(document)
    wrong += [f"nowhere {says!r}" for says in case.get("holds", []) if not re.search(says, whole)]
    if wrong:
        wrong.append(f"it says: {name}: {text}")
    return wrong


def paste(case, folder, document):
    """A remedy that is a command of tenon is one that tenon understands."""
    remedy = answer_of(document)[1].split(" | ", 1)[1]
    if not remedy.startswith("tenon "):
        return []
    run = subprocess.run(["bash", "-c", remedy.replace("tenon", TENON, 1)], cwd=folder, capture_output=True, text=True,
                         timeout=120)
    return [] if run.returncode in (0, 1, 3) else [f"the remedy {remedy!r} exits {run.returncode}: {run.stderr[:200]}"]


def variations(case):
    yield "as it is", "", lambda tensors: None
    yield "in another order", "", random.Random(case["id"]).shuffle
    if case.get("prefix", True):
        yield "under module.", "module.", lambda tensors: None


def main():
    failed = 0
    cases = [json.loads(line) for line in (ROOT / "tests/failures/cases.jsonl").read_text().splitlines()]
    chosen = [case for case in cases if len(sys.argv) < 2 or any(fnmatch.fnmatch(case["id"], a) for a in sys.argv[1:])]
    for case in chosen:
        for label, prefix, shuffle in variations(case):
            with tempfile.TemporaryDirectory() as folder:
                write_files(case, pathlib.Path(folder), prefix, shuffle)
                code, document = verdict(case, folder)
                wrong = judge(case, code, document) + paste(case, folder, document)
            if wrong:
                failed += 1
                print(f"{case['id']} ({label}): " + "; ".join(wrong))
    print(f"{len(chosen)} cases, {failed} runs failed")
    sys.exit(1 if failed or not chosen else 0)


main()
