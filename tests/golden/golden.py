"""What every golden script shares: seeded weights, the proof that a golden is sharp, the files.

A golden script builds a small model of the reference library, fills it here, computes its outputs,
and shows with mutants of the *reference* that a wrong loader could not pass. README.md describes the
files. Nothing here, and no golden script, imports tenon.
"""
import copy
import importlib.metadata
import json
import logging
import math
import os
import re
import warnings
import zlib
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import safetensors.torch
import torch

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

ROOT = Path(__file__).resolve().parent
TOLERANCE = 1e-4  # of each output's largest magnitude
SHARPNESS = 10  # a mutant must move some output by this many tolerances
ROUNDING = 2e-5  # the reference's own float32 error must stay well below the tolerance
FOLDER_LIMIT = 400_000  # bytes

def is_scale(name, tensor):
    """True for the multiplicative vectors that must lie about one: norm weights, layer scale."""
    if name.endswith("bias") or tensor.dim() != 1 or name.endswith(("running_mean", "running_var")):
        return False
    parts = name.removesuffix(".weight").split(".")
    if parts[-1].isdigit():  # a norm inside a Sequential
        return True
    return any(re.search(r"norm|^ln|^bn|^ls|gamma|lambda", part) for part in parts[-2:])


@torch.no_grad()
def fill(module, seed, gain=1.5, small=()):
    """Gives every parameter and buffer of `module` seeded random values, in state-dict order.

    Norm weights and layer scales lie about 1, biases and embeddings are not zero, and matrices have
    `gain` over the square root of their fan-in. Tensors whose name matches a pattern of `small` are
    scaled by 1e-2 afterwards, so that the first norm sees a variance where its epsilon counts.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(seed.encode()))
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            value = 1 + 0.5 * torch.tanh(noise)
        elif name == "logit_scale":
            value = torch.full(tensor.shape, math.log(20.0))
        elif is_scale(name, tensor):
            value = 1 + 0.25 * noise
        elif name.endswith("bias") or tensor.dim() < 2:
            value = 0.3 * noise
        elif re.search(r"(tokens?|pos_embed|embeddings?|latents)$", name.removesuffix(".weight")) \
                and "patch" not in name:
            value = 0.7 * noise
        else:
            value = noise * gain / math.sqrt(tensor[0].numel())
        if any(re.search(pattern, name) for pattern in small):
            value = value * 1e-2
        tensor.copy_(value)
    return module.eval()


def random_tensor(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(seed.encode())))


def movement(before, after):
    """For each output: the largest change, as a part of the output's largest magnitude."""
    moved = {}
    for name, tensor in before.items():
        if name not in after or after[name].shape != tensor.shape:
            continue
        scale = tensor.abs().max().item()
        moved[name] = (after[name].double() - tensor.double()).abs().max().item() / scale
    return moved


def in_double(model, run, inputs):
    """The outputs of `run(model, inputs)` computed in float64."""
    twin = copy.deepcopy(model).double()
    wide = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    return run(twin, wide)


def in_narrow_types(model, run, inputs, expected):
    """How far the reference's own outputs move when it computes in half precision, by type and output."""
    errors = {}
    for name, dtype in (("F16", torch.float16), ("BF16", torch.bfloat16)):
        twin = copy.deepcopy(model).to(dtype)
        narrow = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
        errors[name] = {k: rounded(v) for k, v in movement(expected, run(twin, narrow)).items()}
    return errors


def libraries(*names):
    return {name: importlib.metadata.version(name) for name in ("torch", *names)}


def rounded(value):
    return float(f"{value:.1e}")


@torch.no_grad()
def write(case, *, script, about, uses, model, run, inputs, inspect, settings, mutants,
          checkpoint=None, native=None, extra=None, narrow=False, limit=FOLDER_LIMIT):
    """Proves the golden and writes its folder, `<family>/<case>` beside this file.

    model: the reference model, filled. run(model, inputs) -> dict of outputs.
    inspect: what `tenon inspect` must say: family, variant, layout, config (decided by the weights).
    settings: config values that the weights cannot tell, to be given with --set or --config.
    mutants: list of dicts: name; how a test repeats it (`set`: config values, `swap`: pairs of file
      tensors, `lost`: the own name of a norm that is skipped, or nothing); `outputs`: a function
      returning the reference's outputs under the mutation.
    narrow: whether the model also runs in F16 and BF16.
    checkpoint: what the file holds, when not the model's state dict: tensors, or a function that
      writes files into the folder and returns the main one's name.
    native(folder) writes the library's config. limit: bytes that the folder may hold.
    """
    folder = ROOT / case
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    expected = run(model, inputs)
    rounding = movement(expected, in_double(model, run, inputs))
    assert set(rounding) == set(expected), case
    assert max(rounding.values()) <= ROUNDING, (case, rounding)

    records = []
    for mutant in mutants:
        moved = movement(expected, mutant["outputs"]())
        best = max(moved.values(), default=0.0)
        assert best >= SHARPNESS * TOLERANCE, (case, mutant["name"], moved)
        record = {k: v for k, v in mutant.items() if k != "outputs"}
        records.append(record | {"moves": {k: rounded(v) for k, v in moved.items()}})
    assert records, f"{case}: a golden without mutants proves nothing"

    name = "checkpoint.safetensors"
    if callable(checkpoint):
        name = checkpoint(folder)
    else:
        save(checkpoint if checkpoint is not None else model.state_dict(), folder / name)
    save(inputs, folder / "inputs.safetensors")
    save(expected, folder / "expected.safetensors")
    if native:
        native(folder)
    document = {
        "golden": 1,
        "about": about,
        "made_by": {"script": script, "libraries": libraries(*uses)},
        "inspect": inspect,
        "set": settings,
        "tolerance": TOLERANCE,
        "outputs": {k: {"max": rounded(v.abs().max().item()), "rounding": rounded(rounding[k])}
                    for k, v in expected.items()},
        "mutants": records,
    }
    if narrow:
        document["narrow"] = in_narrow_types(model, run, inputs, expected)
    if name != "checkpoint.safetensors":
        document["checkpoint"] = name
    if extra:
        document |= extra
    (folder / "golden.json").write_text(json.dumps(document, indent=1) + "\n")
    size = sum(p.stat().st_size for p in folder.iterdir())
    assert size <= limit, (case, size)
    sharpest = {m["name"]: max(m["moves"].values()) for m in records}
    print(f"{case}: {size // 1000} kB, mutants {sharpest}")


def save(tensors, path):
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    safetensors.torch.save_file(tensors, path)
    path.chmod(0o644)


def swapped(state, pairs):
    """A copy of a state dict with the named tensors of equal shape exchanged."""
    state = dict(state)
    for a, b in pairs:
        assert state[a].shape == state[b].shape, (a, b)
        state[a], state[b] = state[b], state[a]
    return state
