"""What the benches measure with: medians, tenon's program, the rows of the table, files of random weights."""

import json
import pathlib
import statistics
import subprocess
import time

import safetensors.torch
import torch


def median(action, rounds):
    """Median seconds that `action` takes, after one round that is not counted. It may return its own seconds."""
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        own = action()
        seconds.append(own if own is not None else time.perf_counter() - start)
    return statistics.median(seconds[1:])


def in_turns(tenon, peer, rounds, turns=5):
    """Medians of tenon's milliseconds, which `tenon` returns, and of `rounds` calls of `peer`, measured in turns: a slow minute
    of the machine meets both."""
    pairs = [(tenon(), median(lambda: peer() is None or None, rounds) * 1e3) for _ in range(turns)]
    return tuple(map(statistics.median, zip(*pairs)))


class Tenon:
    def __init__(self, program):
        self.program = program

    def run(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], check=True, capture_output=True).stdout

    def process(self, *arguments):
        return lambda: self.run(*arguments) and None

    def load(self, *arguments):
        return lambda: json.loads(self.run("load", "--json", *arguments))["timings"]["total_s"]

    def benchmarks(self, *arguments):
        """{name: milliseconds} of `tenon bench`, measured inside the process."""
        document = json.loads(self.run("bench", "--json", *arguments))
        scale = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3}
        return {b["name"]: b["real_time"] * scale[b["time_unit"]] for b in document["benchmarks"] if not b.get("error_occurred")}

    def forward(self, path, threads):
        """Milliseconds of one forward of batch 1."""
        measured = self.benchmarks("--threads", threads, path)
        return next(value for name, value in measured.items() if name.startswith(f"{path}/forward/"))

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


class Unmeasured:
    """A line of the table for what this machine cannot show."""

    def __init__(self, what, why):
        self.what, self.why = what, why

    def markdown(self):
        return f"| {self.what} | not measured: {self.why} | | | | |"


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


def python_load(path, model, dtype=None):
    def load():
        state = safetensors.torch.load_file(path)
        if dtype is not None:
            state = {key: value.to(dtype) for key, value in state.items()}
        model.load_state_dict(state, assign=True)

    return load


def save_random(path, shapes, dtype=torch.float32):
    """Writes tensors of these shapes (name -> tensor, on the meta device) with random values, cheaply."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    state = {key: (torch.randn(value.shape, generator=generator) * 0.02).to(dtype) for key, value in shapes.items()}
    safetensors.torch.save_file(state, path)
    return path
