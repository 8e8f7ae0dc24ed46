#!/usr/bin/env python3
"""Goldens of timm's VisionTransformer: one small model for every structural variant, layout timm.

    python tests/golden/vit/make_timm.py [CASE...]
"""
import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import golden

import timm
import torch
from timm.models._hub import save_config_for_hf

SCRIPT = "tests/golden/vit/make_timm.py"
SMALL = dict(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2.0,
             num_classes=5)
WEAK_EMBEDDING = (r"^patch_embed\.", r"^pos_embed$", r"^cls_token$")

# name: (about, timm architecture, arguments beyond SMALL, config values that no tensor shows)
CASES = {
    "plain": ("class token, token pool, head", "vit_tiny_patch16_224", {}, ()),
    "no_head": ("no classifier", "vit_tiny_patch16_224", dict(num_classes=0), ()),
    "bare": ("embeddings and blocks alone, which every layout can say", "vit_tiny_patch16_224",
             dict(num_classes=0, final_norm=False), ()),
    "avg_fc_norm": ("mean of the patch tokens, norm after the pool", "vit_tiny_patch16_224",
                    dict(global_pool="avg"), ()),
    "avg_norm": ("mean of the patch tokens, norm before the pool", "vit_tiny_patch16_224",
                 dict(global_pool="avg", fc_norm=False), ("global_pool",)),
    "gap_no_class_token": ("no class token, norm before a mean pool",
                           "vit_base_patch16_siglip_gap_224", {}, ()),
    "token_fc_norm": ("token pool with the norm after it", "vit_tiny_patch16_224",
                      dict(fc_norm=True), ("global_pool",)),
    "pre_norm": ("CLIP's tower: norm before the blocks, no patch bias, eps 1e-5",
                 "vit_base_patch32_clip_224", {}, ()),
    "quick_gelu": ("CLIP's tower with quick GELU", "vit_base_patch32_clip_quickgelu_224", {}, ()),
    "no_qkv_bias": ("no bias in qkv", "vit_tiny_patch16_224", dict(qkv_bias=False), ()),
    "layer_scale": ("layer scale", "vit_small_patch14_dinov2", {}, ()),
    "qk_norm": ("norm of q and k within each head", "vit_tiny_patch16_224", dict(qk_norm=True), ()),
    "no_embed_class": ("DeiT III: no position for the class token, layer scale",
                       "deit3_small_patch16_224", {}, ()),
    "deit3_original": ("DeiT III under its authors' names: gamma_1 and gamma_2",
                       "deit3_small_patch16_224", {}, ()),
    "reg_tokens": ("DINOv2 with registers: registers and class token without position",
                   "vit_small_patch14_reg4_dinov2", dict(num_classes=0), ()),
    "reg_tokens_embedded": ("registers and class token have positions", "vit_tiny_patch16_224",
                            dict(reg_tokens=2), ()),
    "reg_tokens_gap": ("registers, no class token, norm after a mean of the patch tokens",
                       "vit_tiny_patch16_224",
                       dict(reg_tokens=3, class_token=False, global_pool="avg"), ()),
    "distilled": ("DeiT with a distillation token and two heads",
                  "deit_tiny_distilled_patch16_224", {}, ()),
    "non_square": ("a wide image of wide patches", "vit_tiny_patch16_224",
                   dict(img_size=(12, 25), patch_size=(4, 5)), ("img_size",)),
    "swiglu": ("packed SwiGLU and layer scale", "vit_giant_patch14_dinov2",
               dict(mlp_ratio=2.0), ()),
    "in_chans_1": ("grey images", "vit_tiny_patch16_224", dict(in_chans=1), ()),
    "no_final_norm": ("InternViT 300M: no norm after the blocks, layer scale, no head",
                      "vit_intern300m_patch14_448", dict(num_classes=0), ()),
    "rms_norm": ("RMS norms", "vit_tiny_patch16_224", dict(norm_layer="rmsnorm"), ()),
    "rms_norm_qk_norm": ("RMS norms, also of q and k within each head", "vit_tiny_patch16_224",
                         dict(norm_layer="rmsnorm", qk_norm=True), ()),
    "bf16_file": ("a file of bfloat16, computed in float32", "vit_tiny_patch16_224", {}, ()),
    "eps_layer_norm": ("embeddings so small that eps 1e-6 shows", "vit_tiny_patch16_224", {}, ()),
    "eps_pre_norm": ("embeddings so small that eps 1e-5 shows", "vit_base_patch32_clip_224", {}, ()),
    "eps_rms_norm": ("embeddings so small that eps 1e-6 shows", "vit_tiny_patch16_224",
                     dict(norm_layer="rmsnorm"), ()),
}


def build(architecture, arguments):
    return timm.create_model(architecture, **{**SMALL, **arguments}).eval()


@torch.no_grad()
def run(model, inputs):
    tokens = model.forward_features(inputs["pixel_values"])
    outputs = {"tokens": tokens, "features": model.forward_head(tokens, pre_logits=True)}
    if model.num_classes:
        outputs["logits"] = model.forward_head(tokens)
    return outputs


def size(pair):
    return pair[0] if pair[0] == pair[1] else list(pair)


def first_norm(model):
    return model.blocks[0].norm1


def config_of(model):
    """The model's config in tenon's words (interface: config keys of vit)."""
    block, norm = model.blocks[0], first_norm(model)
    identity = torch.nn.Identity
    packed = type(block.mlp).__name__ == "GluMlp" or block.mlp.fc1.out_features != \
        block.mlp.fc2.in_features
    quick = type(getattr(block.mlp, "act", None)).__name__ == "QuickGELU"
    return {
        "img_size": size(model.patch_embed.img_size),
        "patch_size": size(model.patch_embed.patch_size),
        "in_chans": model.patch_embed.proj.in_channels,
        "num_classes": model.num_classes,
        "embed_dim": model.embed_dim,
        "depth": len(model.blocks),
        "num_heads": block.attn.num_heads,
        "mlp_hidden": block.mlp.fc1.out_features,
        "class_token": model.cls_token is not None,
        "dist_token": hasattr(model, "dist_token"),
        "reg_tokens": model.num_reg_tokens,
        "no_embed_class": model.no_embed_class,
        "qkv_bias": block.attn.qkv.bias is not None,
        "qk_norm": "none" if isinstance(block.attn.q_norm, identity) else "head",
        "layer_scale": not isinstance(block.ls1, identity),
        "pre_norm": not isinstance(model.norm_pre, identity),
        "final_norm": not (isinstance(model.norm, identity) and isinstance(model.fc_norm, identity)),
        "fc_norm": not isinstance(model.fc_norm, identity),
        "global_pool": model.global_pool,
        "act": "swiglu" if packed else "quick_gelu" if quick else "gelu",
        "norm": "rmsnorm" if "rms" in type(norm).__name__.lower() else "layernorm",
        "norm_eps": norm.eps,
    }


def changed(model, change):
    """The outputs function of a deep copy of the model after `change(copy)`."""
    def outputs(inputs):
        twin = copy.deepcopy(model)
        change(twin)
        return run(twin, inputs)
    return outputs


def set_eps(value):
    def change(model):
        for module in model.modules():
            if hasattr(module, "eps") and hasattr(module, "weight"):
                module.eps = value
    return change


def set_heads(value):
    def change(model):
        for block in model.blocks:
            block.attn.num_heads, block.attn.head_dim = value, model.embed_dim // value
            block.attn.scale = block.attn.head_dim ** -0.5
    return change


def set_act(act):
    def change(model):
        for block in model.blocks:
            block.mlp.act = act()
    return change


def set_pool(value):
    def change(model):
        model.global_pool = value
    return change


def lose(path):
    def change(model):
        owner = model.get_submodule(path.rpartition(".")[0])
        setattr(owner, path.rpartition(".")[2], torch.nn.Identity())
    return change


def exchange(pairs):
    def change(model):
        model.load_state_dict(golden.swapped(model.state_dict(), pairs), strict=True)
    return change


class QuickGelu(torch.nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


def both(a, b, kinds):
    return [[f"{a}.{k}" if k else a, f"{b}.{k}" if k else b] for k in kinds]


def in_file(name, renames):
    """A timm name as the golden's file has it."""
    for timm_name, file_name in renames.items():
        name = name.replace(timm_name, file_name)
    return name


def mutants_of(name, model, config, inputs):
    """Every wrong model that a loader could plausibly build from this file."""
    state = model.state_dict()
    kinds = ["weight", "bias"] if config["norm"] == "layernorm" else ["weight"]
    found = []

    def add(title, change, **how):
        outputs = changed(model, change)
        found.append({"name": title, **how, "outputs": lambda: outputs(inputs)})

    if name.startswith("eps_"):
        for wrong in (1e-5, 1e-6, 1e-12):
            if wrong != config["norm_eps"]:
                add(f"eps {wrong:g}", set_eps(wrong), set={"norm_eps": wrong})
    for wrong in (2, 6):
        if config["qk_norm"] == "none" and config["embed_dim"] % wrong == 0:
            add(f"{wrong} heads", set_heads(wrong), set={"num_heads": wrong})
    if config["act"] == "gelu":
        add("quick GELU", set_act(QuickGelu), set={"act": "quick_gelu"})
    if config["act"] == "quick_gelu":
        add("exact GELU", set_act(torch.nn.GELU), set={"act": "gelu"})
    pairs = both("blocks.0.norm1", "blocks.0.norm2", kinds)
    add("the first block's norms swapped", exchange(pairs), swap=pairs)
    if config["qk_norm"] == "head":
        pairs = both("blocks.0.attn.q_norm", "blocks.0.attn.k_norm", kinds)
        if config["norm"] == "layernorm":
            add("the norms of q and k swapped", exchange(pairs), swap=pairs)
        add("the norm of q lost", lose("blocks.0.attn.q_norm"), lost="blocks.0.attn.q_norm")
    if config["layer_scale"]:
        pairs = both("blocks.0.ls1", "blocks.0.ls2", ["gamma"])
        add("the layer scales swapped", exchange(pairs), swap=pairs)
        add("a layer scale lost", lose("blocks.1.ls2"), lost="blocks.1.ls2")
    if config["dist_token"]:
        pairs = [["cls_token", "dist_token"]]
        add("class and distillation token swapped", exchange(pairs), swap=pairs)
        pairs = both("head", "head_dist", ["weight", "bias"])
        add("the heads swapped", exchange(pairs), swap=pairs)
    for norm in ("norm_pre", "norm", "fc_norm"):
        if f"{norm}.weight" in state:
            add(f"{norm} lost", lose(norm), lost=norm)
    if config["class_token"] and not config["dist_token"]:
        wrong = "avg" if config["global_pool"] == "token" else "token"
        add(f"pool {wrong}", set_pool(wrong), set={"global_pool": wrong})
    add("a norm inside a block lost", lose("blocks.1.norm2"), lost="blocks.1.norm2")
    return found


def make(name):
    about, architecture, arguments, hidden = CASES[name]
    model = build(architecture, arguments)
    golden.fill(model, f"vit/timm_{name}", small=WEAK_EMBEDDING if name.startswith("eps_") else ())
    checkpoint = None
    if name == "bf16_file":
        checkpoint = {k: v.bfloat16() for k, v in model.state_dict().items()}
        model.load_state_dict({k: v.float() for k, v in checkpoint.items()})
    renames = {".ls1.gamma": ".gamma_1", ".ls2.gamma": ".gamma_2"} if name == "deit3_original" else {}
    if renames:
        checkpoint = {in_file(k, renames): v for k, v in model.state_dict().items()}
    config = config_of(model)
    height, width = model.patch_embed.img_size
    inputs = {"pixel_values": golden.random_tensor((2, config["in_chans"], height, width), name)}
    hidden = ["norm_eps", *hidden]
    if config["qk_norm"] == "none":  # else the norms' width tells
        hidden.append("num_heads")
    if config["act"] != "swiglu":
        hidden.append("act")
    golden.write(
        f"vit/timm_{name}", script=SCRIPT, about=about, uses=["timm"], model=model, run=run,
        inputs=inputs, checkpoint=checkpoint,
        inspect={"family": "vit", "variant": "custom", "layout": "timm",
                 "config": {k: v for k, v in config.items() if k not in hidden}},
        settings={k: config[k] for k in hidden},
        native=lambda folder: save_config_for_hf(model, str(folder / "config.json")),
        mutants=[mutant | {"swap": [[in_file(n, renames) for n in pair] for pair in mutant["swap"]]}
                 if "swap" in mutant else mutant for mutant in mutants_of(name, model, config, inputs)])


if __name__ == "__main__":
    for case in sys.argv[1:] or CASES:
        make(case)
