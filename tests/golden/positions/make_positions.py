"""Position tables resized by timm: table, grid and result of each case, in positions.safetensors.

Run with the reference libraries of tests/requirements-reference.txt; never imports tenon.
"""

import pathlib

import torch
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed

# name: prefix tokens, old grid, new grid, width
CASES = {
    "up": (1, (7, 7), (14, 14), 12),
    "down": (1, (14, 14), (7, 7), 12),
    "registers": (5, (8, 8), (11, 11), 6),
    "no_prefix": (0, (6, 6), (9, 9), 6),
    "non_square": (1, (6, 10), (9, 4), 6),
    "same_count": (1, (4, 9), (6, 6), 6),
}

tensors = {}
for seed, (name, (prefix, old, new, width)) in enumerate(CASES.items()):
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(1, prefix + old[0] * old[1], width, generator=generator)
    resized = resample_abs_pos_embed(table, new_size=list(new), old_size=list(old), num_prefix_tokens=prefix)
    tensors[f"{name}.table"] = table
    tensors[f"{name}.args"] = torch.tensor([prefix, *old, *new])
    tensors[f"{name}.expected"] = resized.contiguous()
save_file(tensors, pathlib.Path(__file__).parent / "positions.safetensors")
