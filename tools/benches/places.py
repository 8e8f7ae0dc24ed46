"""Loads from a disk whose pages are forgotten, and loads and forwards on a GPU, beside Python.

`vit(name, meta)` makes timm's model, `save_vit(path, name)` writes one with random weights.
"""

import json
import os
import subprocess
import time

import safetensors.torch
import torch

from benches.measure import Row, Unmeasured, median, python_load


def evict(path):
    """Asks the system to forget the file's pages."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def cold_rows(tenon, folder, name, rounds, vit, save_vit):
    what = f"load {name}, page cache emptied, mapped"
    path = save_vit(folder / "cold" / "model.safetensors", name=name)
    rows = json.loads(tenon.run("bench", "--json", "--device", "cpu", path))["benchmarks"]
    cold = next(row for row in rows if "/cold" in row["name"])
    if cold.get("error_occurred"):
        return [Unmeasured(what, cold["error_message"].removeprefix("not measured: "))]
    model = vit(name, meta=True)

    def after_evicting(load):
        def timed():
            evict(path)
            start = time.perf_counter()
            own = load()
            return own if own is not None else time.perf_counter() - start

        return timed

    peer = median(after_evicting(python_load(path, model)), rounds) * 1e3
    # A mapped load reads nothing by itself, so both sides are also shown with every byte read.
    return [
        Row(what, median(after_evicting(tenon.load(path)), rounds) * 1e3, peer=peer),
        Row(
            f"load {name}, page cache emptied, read",
            median(after_evicting(tenon.load(path, "--io", "read")), rounds) * 1e3,
            peer=median(after_evicting(lambda: safetensors.torch.load(path.read_bytes()) and None), rounds) * 1e3,
        ),
    ]


def cuda_rows(tenon, folder, name, rounds, vit, save_vit):
    """Loads and forwards on the GPU, forwards by device events on both sides."""
    load, forward = f"load {name} to cuda", f"forward {name}, cuda, fp32, batch 1"
    path = save_vit(folder / "cuda" / "model.safetensors", name=name)
    done = subprocess.run(
        [tenon.program, "bench", "--json", "--device", "cuda", "--dtype", "fp32", path], capture_output=True, text=True, check=False
    )
    document = json.loads(done.stdout)
    if done.returncode != 0:
        why = document["error"]["message"]
    elif not torch.cuda.is_available():
        why = "the reference's torch sees no GPU"
    else:
        why = None
    if why:
        return [Unmeasured(load, why), Unmeasured(forward, why)]
    own = {kind: next(b for b in document["benchmarks"] if f"/{kind}/" in b["name"]) for kind in ("load", "forward")}
    model = vit(name)

    def to_device():
        model.load_state_dict(safetensors.torch.load_file(path, device="cuda"), assign=True)
        torch.cuda.synchronize()

    peer_load = median(to_device, rounds) * 1e3
    images = torch.randn(1, 3, 224, 224, device="cuda")
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)

    def by_events():
        with torch.inference_mode():
            begin.record()
            model(images)
            end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3

    peer_forward = median(by_events, rounds) * 1e3
    return [Row(load, own["load"]["real_time"], peer=peer_load), Row(forward, own["forward"]["real_time"], peer=peer_forward)]
