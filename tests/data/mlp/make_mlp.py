#!/usr/bin/env python3
"""One small state dict as torch.save and safetensors write it: a file of each container that tenon reads weights from.

    python tests/data/mlp/make_mlp.py

The model is torch.nn.Sequential(Linear(3, 4), BatchNorm1d(4), Linear(4, 2)). Never imports tenon.
"""
import json
from pathlib import Path

import safetensors.torch
import torch

HERE = Path(__file__).resolve().parent


def write_index(name, shards, write):
    """Shards beside an index that says which tensor is where."""
    weight_map, size = {}, 0
    for file, tensors in shards.items():
        write(tensors, HERE / file)
        weight_map |= {key: file for key in tensors}
        size += sum(tensor.nbytes for tensor in tensors.values())
    (HERE / name).write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": weight_map}) + "\n")


torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
model(torch.randn(8, 3))  # moves the running statistics
state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
halves = [dict(list(state.items())[:4]), dict(list(state.items())[4:])]

safetensors.torch.save_file(state, HERE / "model.safetensors")
torch.save(state, HERE / "zip.pt")
torch.save(state, HERE / "legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "state_dict": state}, HERE / "wrapped.pt")
write_index("sharded.safetensors.index.json", {f"sharded-{i}.safetensors": half for i, half in enumerate(halves)},
            safetensors.torch.save_file)
write_index("sharded.bin.index.json", {f"sharded-{i}.bin": half for i, half in enumerate(halves)}, torch.save)
