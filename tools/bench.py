"""Times tenon's programs beside timm, open_clip, torch and safetensors on the same files. Run by tools/bench.

Every figure is the median of several rounds, files warm in the page cache unless the row says otherwise. A figure of tenon's includes the start of
its process where the row says "process"; a load is what `tenon load` reports as total_s (open to bind, tables parsed),
against safetensors.torch.load_file and load_state_dict(assign=True) into a model that was built on the meta device
beforehand.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

import safetensors.torch
import timm
import torch

from benches import clip, page, places, unets
from benches.measure import Row, Tenon, in_turns, median, python_load, save_random


def vit(name, meta=False, **options):
    with torch.device("meta" if meta else "cpu"):
        return timm.create_model(name, **options).eval()


def save_vit(path, dtype=torch.float32, **options):
    """Writes a ViT with random weights, cheaply, and timm's config.json beside it."""
    name = options.pop("name")
    save_random(path, vit(name, meta=True, **options).state_dict(), dtype)
    config = {"architecture": name, "model_args": options, "num_classes": options.get("num_classes", 1000)}
    (path.parent / "config.json").write_text(json.dumps(config))
    return path


def listing_rows(tenon, folder, rounds):
    deep = save_vit(folder / "deep" / "model.safetensors", name="vit_tiny_patch16_224", depth=208, embed_dim=48, num_heads=3)
    tensors = len(safetensors.safe_open(deep, "pt").keys())
    return [
        Row(f"`inspect`, {tensors} tensors, process", median(tenon.process("inspect", deep), rounds) * 1e3, limit=50),
        Row(f"`ls`, {tensors} tensors, process", median(tenon.process("ls", deep), rounds) * 1e3, limit=50),
        Row(f"`check`, {tensors} tensors, process", median(tenon.process("check", deep), rounds) * 1e3, limit=400),
        folder_row(tenon, folder / "many", rounds),
        page.row(tenon, folder, deep, tensors, rounds),
    ]


def folder_row(tenon, folder, rounds, models=300):
    """`inspect -r` of that many small models, each with a config beside it."""
    source = pathlib.Path("tests/data/digits/transformers")
    for index in range(models):
        shutil.copytree(source, folder / f"run-{index}")
    return Row(f"`inspect -r`, {2 * models} files, process", median(tenon.process("inspect", "-r", folder), rounds) * 1e3, limit=2000)


def load_rows(tenon, folder, name, rounds):
    single = save_vit(folder / "f32" / "model.safetensors", name=name)
    half = save_vit(folder / "f16" / "model.safetensors", dtype=torch.float16, name=name)
    size = single.stat().st_size
    model = vit(name, meta=True)
    warm = median(python_load(single, model), rounds) * 1e3
    widening = median(lambda: first_load(name, half), rounds) * 1e3
    anonymous = tenon.peak_anonymous_bytes("load", single) - tenon.peak_anonymous_bytes(
        "load", "tests/data/digits/timm/model.safetensors"
    )
    return [
        Row(f"load {name}, {size / 1e9:.2f} GB fp32, mapped", median(tenon.load(single), rounds) * 1e3, peer=warm, limit=warm),
        Row(
            f"load {name} fp16 as fp32, each in a new process",
            median(tenon.load(half, "--dtype", "fp32"), rounds) * 1e3,
            peer=widening,
            limit=widening / 2,
        ),
        Row("memory of that mapped load, files aside", anonymous / 1e6, unit="MB", limit=0.05 * size / 1e6),
    ]


def first_load(name, path):
    """Seconds of the Python way in a new process, as each of tenon's is."""
    command = [sys.executable, "tools/benches/first_load.py", name, path]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


def forward_rows(tenon, folder, name, rounds):
    path = save_vit(folder / "forward" / "model.safetensors", name=name)
    model = vit(name)
    model.load_state_dict(safetensors.torch.load_file(path))
    images = torch.randn(1, 3, 224, 224)
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with torch.inference_mode():
            own, peer = in_turns(lambda: tenon.forward(path, threads), lambda: model(images), rounds // 3)
        rows.append(Row(f"forward {name}, fp32, batch 1, {threads} threads", own, peer=peer, limit=peer))
    return rows


def all_rows(tenon, folder, size, rounds):
    vit_name = f"vit_{size}_patch16_224"
    yield from listing_rows(tenon, folder, rounds)
    yield from load_rows(tenon, folder, vit_name, rounds)
    yield from forward_rows(tenon, folder, "vit_base_patch16_224", rounds)
    yield from places.cold_rows(tenon, folder, vit_name, rounds, vit, save_vit)
    yield from places.cuda_rows(tenon, folder, vit_name, rounds, vit, save_vit)
    yield from clip.rows(tenon, folder, "ViT-B-32", rounds)
    if size == "large":
        yield from clip.rows(tenon, folder, "ViT-L-14", rounds)
    yield from unets.rows(tenon, folder, rounds)


def context(folder):
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    file_system = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout.strip()
    return (
        f"{cpu}, {len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.release()}, {file_system}, "
        f"page cache warm where no row says otherwise; torch {torch.__version__}, timm {timm.__version__}, "
        f"safetensors {safetensors.__version__}, Python {platform.python_version()}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenon", required=True, help="the program to measure")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller models")
    args = parser.parse_args()
    tenon = Tenon(args.tenon)
    rounds = 3 if args.quick else 11
    size = "small" if args.quick else "large"
    with tempfile.TemporaryDirectory(prefix="tenon-bench-", dir="build") as folder:
        folder = pathlib.Path(folder)
        print(context(folder), end="\n\n")
        print("| what | tenon | Python | Python / tenon | limit | within |\n|---|---|---|---|---|---|")
        for row in all_rows(tenon, folder, size, rounds):
            print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()
