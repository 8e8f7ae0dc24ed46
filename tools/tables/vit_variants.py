#!/usr/bin/env python3
"""Prints the variant table of ViT, read from timm: the `variants:` block of configs/vit.yaml.

    python tools/tables/vit_variants.py            the YAML block
    python tools/tables/vit_variants.py --json     every column of every name, and why others are left out
    python tools/tables/vit_variants.py --check configs/vit.yaml    fails unless the file holds the block's values

Each architecture of timm that is a plain VisionTransformer is built on the meta device (no memory, no
weights). What its tensors show is `match`; class count and image size only order names (`prefer`); what no
shape shows is `gives`. Needs the packages of tests/requirements-reference.txt.
"""
import argparse
import json
import logging
import sys

import timm
import torch
from timm.layers import Attention, LayerNorm, Mlp, PatchEmbed
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import Block, VisionTransformer

logging.disable(logging.WARNING)

MATCH = ("patch_size", "embed_dim", "depth", "mlp_hidden", "class_token", "dist_token", "reg_tokens",
         "no_embed_class", "qkv_bias", "qk_norm", "layer_scale", "pre_norm", "final_norm", "fc_norm",
         "norm")
PREFER = ("img_size", "num_classes")
GIVES = ("num_heads", "norm_eps", "act", "global_pool")

# Of two names with equal tensors the first of these is the variant, the other is `also`.
NAME_ORDER = ("vit_", "deit3_", "deit_", "flexivit_", "eva_", "test_")
# Not in timm: its qk norm is per head, InternViT-6B's runs over the full width. Published with 48 and with
# 45 blocks. Values from OpenGVLab's released configs.
INTERNVIT_6B = {
    "patch_size": 14, "embed_dim": 3200, "depth": None, "mlp_hidden": 12800, "class_token": True,
    "dist_token": False, "reg_tokens": 0, "no_embed_class": False, "qkv_bias": False, "qk_norm": "full",
    "layer_scale": True, "pre_norm": False, "final_norm": False, "fc_norm": False, "norm": "rmsnorm",
    "img_size": 448, "num_classes": 0, "num_heads": 25, "norm_eps": 1e-6, "act": "gelu",
    "global_pool": "token", "in_chans": 3,
}


def absent(module):
    return isinstance(module, torch.nn.Identity)


def activation(mlp):
    kind = type(mlp.act).__name__
    if type(mlp).__name__ == "GluMlp":
        return "swiglu" if kind == "SiLU" and not mlp.gate_last else f"gated {kind}"
    if kind == "GELU" and mlp.act.approximate == "none":
        return "gelu"
    return {"QuickGELU": "quick_gelu"}.get(kind, kind)


def why_not(model):
    """Why tenon's ViT cannot be this model; None when it can."""
    if type(model) not in (VisionTransformer, VisionTransformerDistilled):
        return f"class {type(model).__name__}"
    block = model.blocks[0]
    reasons = {
        "block": type(block) is Block,
        "attention pool": model.attn_pool is None,
        "no position table": model.pos_embed is not None,
        "patch embedding": type(model.patch_embed) is PatchEmbed and absent(model.patch_embed.norm),
        "pool": model.global_pool in ("token", "avg") and not model.pool_include_prefix,
    }
    if type(block) is Block:
        reasons |= {
            "attention": type(block.attn) is Attention and absent(block.attn.norm),
            "no bias in the attention's projection": block.attn.proj.bias is not None,
            "mlp": type(block.mlp) is Mlp or type(block.mlp).__name__ == "GluMlp",
            "norm inside the mlp": absent(getattr(block.mlp, "norm", torch.nn.Identity())),
            "norm": type(block.norm1).__name__ in ("LayerNorm", "RmsNorm"),
            "activation": hasattr(block.mlp, "act")
                          and activation(block.mlp) in ("gelu", "quick_gelu", "swiglu"),
        }
    failed = [reason for reason, holds in reasons.items() if not holds]
    return ", ".join(failed) or None


def size(pair):
    height, width = pair
    return height if height == width else [height, width]


def columns(model):
    """Every config value of a plain VisionTransformer, under tenon's keys."""
    block = model.blocks[0]
    prefix_tokens = model.num_prefix_tokens > 0
    return {
        "patch_size": size(model.patch_embed.patch_size),
        "embed_dim": model.embed_dim,
        "depth": len(model.blocks),
        "mlp_hidden": block.mlp.fc1.out_features,
        "class_token": model.has_class_token,
        "dist_token": hasattr(model, "dist_token"),
        "reg_tokens": model.num_reg_tokens,
        "no_embed_class": model.no_embed_class if prefix_tokens else False,
        "qkv_bias": block.attn.qkv.bias is not None,
        "qk_norm": "none" if absent(block.attn.q_norm) else "head",
        "layer_scale": not absent(block.ls1),
        "pre_norm": not absent(model.norm_pre),
        "final_norm": not (absent(model.norm) and absent(model.fc_norm)),
        "fc_norm": not absent(model.fc_norm),
        "norm": "layernorm" if isinstance(block.norm1, LayerNorm) else "rmsnorm",
        "img_size": size(model.patch_embed.img_size),
        "num_classes": model.num_classes,
        "num_heads": block.attn.num_heads,
        "norm_eps": block.norm1.eps,
        "act": activation(block.mlp),
        "global_pool": model.global_pool,
        "in_chans": model.in_chans,
    }


def read_timm():
    """({name: columns}, {name: why it is left out}) over timm's registry."""
    rows, left_out = {}, {}
    for module in ("vision_transformer", "deit"):
        for name in timm.list_models(module=module):
            with torch.device("meta"):
                model = timm.create_model(name, pretrained=False)
            reason = why_not(model)
            if reason:
                left_out[name] = reason
            else:
                rows[name] = columns(model)
    return rows, left_out


def position(name):
    order = next((i for i, start in enumerate(NAME_ORDER) if name.startswith(start)), len(NAME_ORDER))
    return order, "quickgelu" in name, name  # clip_quickgelu_* after its twin clip_*


def ordered(rows):
    table = {name: rows[name] for name in sorted(rows, key=position)}
    return table | {"internvit_6b": INTERNVIT_6B}


def scalar(value):
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    if isinstance(value, float):
        return f"{value:.1e}".replace("e-0", "e-")
    return str(value)


def block(table):
    """The `variants:` block, as configs/README.md describes it."""
    lines = ["variants:"]
    for key, names in (("match", MATCH), ("prefer", PREFER), ("gives", GIVES)):
        lines.append(f"  {key}: [{', '.join(names)}]")
    lines.append("  list:")
    for name, row in table.items():
        values = ", ".join(scalar(row[key]) for key in MATCH + PREFER + GIVES)
        lines.append(f"    {name}: [{values}]")
    return "\n".join(lines) + "\n"


def differences(table, path):
    """What the YAML file's table says otherwise than timm, by its own columns."""
    import yaml
    with open(path) as file:
        held = yaml.safe_load(file)["variants"]
    keys = held["match"] + held["prefer"] + held["gives"]
    for name in sorted(set(table) | set(held["list"])):
        if name not in held["list"] or name not in table:
            yield f"{name}: only in {'timm' if name in table else path}"
            continue
        for key, value in zip(keys, held["list"][name]):
            if value is not None and value != table[name][key]:
                yield f"{name}: {key} is {value}, timm says {table[name][key]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", metavar="YAML")
    arguments = parser.parse_args()
    rows, left_out = read_timm()
    table = ordered(rows)
    if arguments.json:
        json.dump({"timm": timm.__version__, "match": MATCH, "prefer": PREFER, "gives": GIVES,
                   "variants": table, "left_out": left_out}, sys.stdout, indent=1)
        print()
    elif arguments.check:
        found = list(differences(table, arguments.check))
        print("\n".join(found) or f"{arguments.check} agrees with timm {timm.__version__}")
        return 1 if found else 0
    else:
        print(block(table), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
