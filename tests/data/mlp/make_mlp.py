#!/usr/bin/env python3
"""One small state dict as torch.save and safetensors write it: a file of each container that tenon reads weights from.

    python tests/data/mlp/make_mlp.py

The model is torch.nn.Sequential(Linear(3, 4), BatchNorm1d(4), Linear(4, 2)); tied.* hold one whose two layers share a weight.
Never imports tenon.
"""
import io
import json
import pickle
import struct
import tarfile
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


def save_tar(tensors, path):
    """The format of torch 0.1.9 and older, which torch.save no longer writes. torch.load still reads it, and must agree."""
    tensors = dict(tensors)
    ids = {tensor: 2 * i + 1 for i, tensor in enumerate({id(t): t for t in tensors.values()}.values())}
    storages, records = [pickle.dumps(len(ids), 2)], [pickle.dumps(len(ids), 2)]
    for tensor, key in ids.items():
        kind = {torch.float32: "Float", torch.int64: "Long"}[tensor.dtype]
        storages += [pickle.dumps((key, "cpu", getattr(torch, kind + "Storage")), 2), struct.pack("<q", tensor.numel()), tensor.numpy().tobytes()]
        records += [pickle.dumps((key + 1, key, getattr(torch, kind + "Tensor")), 2),
                    struct.pack(f"<ii{2 * tensor.dim() + 1}q", tensor.dim(), 0, *tensor.shape, *tensor.stride(), 0)]
    storages.append(pickle.dumps([], 2))  # no storage is a view of another

    program = io.BytesIO()
    pickler = pickle.Pickler(program, 2)
    pickler.persistent_id = lambda item: str(ids[item] + 1) if isinstance(item, torch.Tensor) else None
    pickler.dump(tensors)
    members = {"sys_info": pickle.dumps({"protocol_version": 1000, "little_endian": True}, 2), "pickle": program.getvalue(),
               "storages": b"".join(storages), "tensors": b"".join(records)}
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    again = torch.load(path, weights_only=False)
    assert again.keys() == tensors.keys() and all(torch.equal(again[key], tensors[key]) for key in tensors)


def save_script(module, path):
    """torch.jit.save without the debugging records, which hold the paths of this machine."""
    torch.jit.script(module).save(path)
    reader = torch._C.PyTorchFileReader(str(path))
    kept = [name for name in reader.get_all_records() if name.split("/")[0] in ("data.pkl", "constants.pkl", "code", "data")]
    records = {name: reader.get_record(name) for name in kept}
    writer = torch._C.PyTorchFileWriter(str(path))
    for name, record in records.items():
        if not name.endswith(".debug_pkl"):
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    again = torch.jit.load(path).state_dict()
    assert all(torch.equal(again[key], tensor) for key, tensor in module.state_dict().items())


torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
model(torch.randn(8, 3))  # moves the running statistics
state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
halves = [dict(list(state.items())[:4]), dict(list(state.items())[4:])]

safetensors.torch.save_file(state, HERE / "model.safetensors")
torch.save(state, HERE / "zip.pt")
torch.save(state, HERE / "legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "state_dict": state}, HERE / "wrapped.pt")
save_script(model, HERE / "script.pt")
save_tar(state, HERE / "tar.pt")
write_index("sharded.safetensors.index.json", {f"sharded-{i}.safetensors": half for i, half in enumerate(halves)},
            safetensors.torch.save_file)
write_index("sharded.bin.index.json", {f"sharded-{i}.bin": half for i, half in enumerate(halves)}, torch.save)


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Linear(3, 3, bias=False)
        self.decoder = torch.nn.Linear(3, 3)
        self.decoder.weight = self.encoder.weight
        self.register_buffer("steps", torch.tensor([7, 11]))

    def forward(self, x):
        return self.decoder(self.encoder(x))


tied = Tied()
state = {key: tensor.detach() for key, tensor in tied.state_dict(keep_vars=True).items()}
state["decoder.weight"] = state["encoder.weight"]
safetensors.torch.save_model(tied, HERE / "tied.safetensors")  # writes a shared tensor once
torch.save(state, HERE / "tied.zip.pt")
torch.save(state, HERE / "tied.legacy.pt", _use_new_zipfile_serialization=False)
save_script(tied, HERE / "tied.script.pt")
save_tar(state, HERE / "tied.tar.pt")
