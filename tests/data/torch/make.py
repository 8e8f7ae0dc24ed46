"""Writes the files of this folder with torch 2.11.0: python3 make.py. Small, seeded; expected.txt says what each holds."""

import argparse
import collections
import pathlib

import numpy
import torch

FOLDER = pathlib.Path(__file__).parent
torch.manual_seed(0)

DTYPES = """float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool complex32 complex64
complex128 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu""".split()


def ramp(count, dtype):
    return torch.arange(count).to(torch.float32).to(getattr(torch, dtype))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2, bias=False)])
        self.register_buffer("mean", torch.ones(2))

    def forward(self, x):
        x = self.conv(x).mean((2, 3)) - self.mean
        for block in self.blocks:
            x = block(x)
        return x


class Hooked(torch.nn.Module):
    """Whoever loads its archive as a program finds a file `restored-by-hook` afterwards."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(2, dtype=torch.float32))

    def forward(self, x: torch.Tensor):
        return x * self.weight

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.weight = state[0]
        self.training = state[1]
        torch.save(self.weight, "restored-by-hook")


def views():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return {
        "base": base,
        "transposed": base.t(),
        "slice": base[1:3, 2:5],
        "step": base[:, ::2],
        "expanded": torch.arange(3, dtype=torch.float32).reshape(3, 1).expand(3, 4),
        "scalar": base[2, 3],
        "empty": base[:, :0],
    }


def checkpoint():
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    net(torch.ones(1, 1, 5, 5)).sum().backward()
    optimizer.step()
    return {
        "state_dict": {"module." + name: value for name, value in net.state_dict().items()},
        "optimizer": optimizer.state_dict(),
        "epoch": 3,
        "best": numpy.float64(0.5),
        "args": argparse.Namespace(lr=1e-3, name="run"),
        "names": ["a", "b"],
        "shape": torch.Size([2, 3]),
        "dtype": torch.float16,
        "done": True,
        "note": None,
    }


def expected_lines(name, value, path=""):
    if isinstance(value, torch.Tensor):
        text = value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes().hex() if value.numel() else ""
        yield f"{name} {path or 'tensor'} {str(value.dtype)[6:]} {list(value.shape)} {text}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from expected_lines(name, item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from expected_lines(name, item, f"{path}.{index}" if path else str(index))


def main():
    state = Net().state_dict()
    parameters = collections.OrderedDict(weight=torch.nn.Parameter(torch.ones(2, 2)), frozen=torch.nn.Parameter(torch.ones(1), False))
    tied = torch.ones(3)
    files = {
        "state_dict": state,
        "dtypes": {name: ramp(3, name) for name in DTYPES},
        "views": views(),
        "parameters": parameters,
        "nested": {"a": [torch.zeros(1), (torch.ones(1), {"b": torch.ones(2)})], 7: torch.ones(1)},
        "tied": {"one": tied, "two": tied},
        "checkpoint": checkpoint(),
        "bare": torch.arange(3),
    }
    lines = []
    for name, value in files.items():
        torch.save(value, FOLDER / f"{name}.pt")
        lines += expected_lines(name, value)
    for name in ("state_dict", "views", "checkpoint", "tied"):
        torch.save(files[name], FOLDER / f"{name}.legacy.pt", _use_new_zipfile_serialization=False)
        lines += expected_lines(f"{name}.legacy", files[name])
    for protocol in (3, 4, 5):
        torch.save(state, FOLDER / f"protocol{protocol}.pt", pickle_protocol=protocol)
        lines += expected_lines(f"protocol{protocol}", state)
    net = Net()
    torch.jit.script(net).save(FOLDER / "script.pt")
    torch.jit.script(Hooked()).save(FOLDER / "hook.pt")
    lines += expected_lines("script", dict(net.state_dict()))
    torch.save(net, FOLDER / "module.pt")
    (FOLDER / "expected.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
