"""Times tenon's programs beside timm, torch and safetensors on the same files. Run by tools/bench.

Every figure is the median of several rounds, files warm in the page cache. A figure of tenon's includes the start of
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
import statistics
import subprocess
import tempfile
import time

import safetensors.torch
import timm
import torch


def median(action, rounds):
    """Median seconds that `action` takes, after one round that is not counted. It may return its own seconds."""
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        own = action()
        seconds.append(own if own is not None else time.perf_counter() - start)
    return statistics.median(seconds[1:])


class Tenon:
    def __init__(self, program):
        self.program = program

    def run(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], check=True, capture_output=True).stdout

    def process(self, *arguments):
        return lambda: self.run(*arguments) and None

    def load(self, *arguments):
        return lambda: json.loads(self.run("load", "--json", *arguments))["timings"]["total_s"]

    def peak_anonymous_bytes(self, *arguments):
        """The most memory, not counting mapped files, that the process held while it ran."""
        process = subprocess.Popen([self.program, *map(str, arguments)], stdout=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            for line in status.splitlines():
                if line.startswith("RssAnon:"):
                    peak = max(peak, int(line.split()[1]) * 1024)
        process.wait()
        return peak


class Row:
    """One line of the table. `better` is how many times the peer's time fits into tenon's limit."""

    def __init__(self, what, tenon, unit="ms", peer=None, limit=None):
        self.what, self.tenon, self.unit, self.peer, self.limit = what, tenon, unit, peer, limit

    def markdown(self):
        peer = f"{self.peer:.1f} {self.unit}" if self.peer is not None else ""
        ratio = f"{self.peer / self.tenon:.2f}x" if self.peer is not None else ""
        within = "" if self.limit is None else ("yes" if self.tenon <= self.limit else "**no**")
        limit = "" if self.limit is None else f"{self.limit:.1f} {self.unit}"
        return f"| {self.what} | {self.tenon:.1f} {self.unit} | {peer} | {ratio} | {limit} | {within} |"


def vit(name, meta=False, **options):
    with torch.device("meta" if meta else "cpu"):
        return timm.create_model(name, **options).eval()


def save_vit(path, dtype=torch.float32, **options):
    """Writes a ViT with random weights, cheaply, and timm's config.json beside it."""
    name = options.pop("name")
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    state = {
        key: (torch.randn(value.shape, generator=generator) * 0.02).to(dtype)
        for key, value in vit(name, meta=True, **options).state_dict().items()
    }
    safetensors.torch.save_file(state, path)
    config = {"architecture": name, "model_args": options, "num_classes": options.get("num_classes", 1000)}
    (path.parent / "config.json").write_text(json.dumps(config))
    return path


def python_load(path, model, dtype=None):
    def load():
        state = safetensors.torch.load_file(path)
        if dtype is not None:
            state = {key: value.to(dtype) for key, value in state.items()}
        model.load_state_dict(state, assign=True)

    return load


def listing_rows(tenon, folder, rounds):
    deep = save_vit(folder / "deep" / "model.safetensors", name="vit_tiny_patch16_224", depth=208, embed_dim=48, num_heads=3)
    tensors = len(safetensors.safe_open(deep, "pt").keys())
    return [
        Row(f"`inspect`, {tensors} tensors, process", median(tenon.process("inspect", deep), rounds) * 1e3, limit=50),
        Row(f"`ls`, {tensors} tensors, process", median(tenon.process("ls", deep), rounds) * 1e3, limit=50),
        Row(f"`check`, {tensors} tensors, process", median(tenon.process("check", deep), rounds) * 1e3, limit=400),
        folder_row(tenon, folder / "many", rounds),
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
    widening = median(python_load(half, vit(name, meta=True), torch.float32), rounds) * 1e3
    anonymous = tenon.peak_anonymous_bytes("load", single) - tenon.peak_anonymous_bytes(
        "load", "tests/data/digits/timm/model.safetensors"
    )
    return [
        Row(f"load {name}, {size / 1e9:.2f} GB fp32, mapped", median(tenon.load(single), rounds) * 1e3, peer=warm, limit=warm),
        Row(
            f"load {name} fp16 as fp32",
            median(tenon.load(half, "--dtype", "fp32"), rounds) * 1e3,
            peer=widening,
            limit=widening / 2,
        ),
        Row("memory of that mapped load, files aside", anonymous / 1e6, unit="MB", limit=0.05 * size / 1e6),
    ]


def forward_rows(tenon, folder, name, rounds):
    path = save_vit(folder / "forward" / "model.safetensors", name=name)
    model = vit(name)
    model.load_state_dict(safetensors.torch.load_file(path))
    images = torch.randn(1, 3, 224, 224)
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with torch.inference_mode():
            peer = median(lambda: model(images) is None or None, rounds) * 1e3
        document = json.loads(tenon.run("bench", "--json", "--threads", threads, path))
        forward = next(b for b in document["benchmarks"] if b["name"].startswith(f"{path}/forward/"))
        milliseconds = forward["real_time"] * {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3}[forward["time_unit"]]
        rows.append(Row(f"forward {name}, fp32, batch 1, {threads} threads", milliseconds, peer=peer, limit=peer))
    return rows


def context(folder):
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    file_system = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout.strip()
    return (
        f"{cpu}, {len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.release()}, {file_system}, "
        f"page cache warm; torch {torch.__version__}, timm {timm.__version__}, "
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
        for rows in (
            listing_rows(tenon, folder, rounds),
            load_rows(tenon, folder, f"vit_{size}_patch16_224", rounds),
            forward_rows(tenon, folder, "vit_base_patch16_224", rounds),
        ):
            for row in rows:
                print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()
