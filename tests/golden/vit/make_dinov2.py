#!/usr/bin/env python3
"""Goldens of DINOv2, with and without registers and SwiGLU: one set of weights under four namings.

The weights are transformers' model's. They are renamed to the original repository's names here
(`to_original`), which timm's own converter then reads into timm's model: the script fails unless
timm's outputs and transformers' agree. Written: layout dinov2 (original), transformers (as
save_pretrained stores, and as the live model), timm; for one model also dinov2 in training chunks.

    python tests/golden/vit/make_dinov2.py [MODEL...]
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import golden
import hf

import timm
import torch
import transformers as t
from timm.models._hub import save_config_for_hf
from timm.models.vision_transformer import checkpoint_filter_fn

SCRIPT = "tests/golden/vit/make_dinov2.py"
HIDDEN = ("num_heads", "norm_eps")
SIZES = dict(image_size=16, patch_size=4, hidden_size=24, num_hidden_layers=2,
             num_attention_heads=3)
TIMM = dict(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=0)

# name: (about, transformers model, timm architecture and arguments)
MODELS = {
    "plain": ("DINOv2", lambda: t.Dinov2Model(t.Dinov2Config(mlp_ratio=2, **SIZES)),
              "vit_small_patch14_dinov2", dict(mlp_ratio=2.0)),
    "registers": ("DINOv2 with registers",
                  lambda: t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(
                      mlp_ratio=2, num_register_tokens=4, **SIZES)),
                  "vit_small_patch14_reg4_dinov2", dict(mlp_ratio=2.0)),
    "swiglu": ("DINOv2 giant: packed SwiGLU",
               lambda: t.Dinov2Model(t.Dinov2Config(mlp_ratio=2, use_swiglu_ffn=True, **SIZES)),
               "vit_giant_patch14_dinov2", dict(mlp_ratio=64 / 24)),
    "swiglu_registers": ("DINOv2 giant with registers",
                         lambda: t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(
                             mlp_ratio=2, num_register_tokens=4, use_swiglu_ffn=True, **SIZES)),
                         "vit_giant_patch14_reg4_dinov2", dict(mlp_ratio=64 / 24)),
}

OUTER = {
    "embeddings.cls_token": "cls_token",
    "embeddings.mask_token": "mask_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.register_tokens": "register_tokens",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}
INNER = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attention.output.dense": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "mlp.weights_in": "mlp.w12",
    "mlp.weights_out": "mlp.w3",
}


def to_original(disk):
    """transformers' names on disk -> the original repository's."""
    renamed = {}
    for name, tensor in disk.items():
        if name in OUTER:
            renamed[OUTER[name]] = tensor
            continue
        _, _, index, rest = name.split(".", 3)
        prefix = f"blocks.{index}."
        stem, _, kind = rest.rpartition(".")
        if stem in INNER:
            renamed[f"{prefix}{INNER[stem]}.{kind}"] = tensor
        elif stem in ("layer_scale1", "layer_scale2"):
            renamed[f"{prefix}ls{stem[-1]}.gamma"] = tensor
        elif stem == "attention.attention.query":
            parts = [disk[name.replace("query", part)] for part in ("query", "key", "value")]
            renamed[f"{prefix}attn.qkv.{kind}"] = torch.cat(parts)
        else:
            assert stem in ("attention.attention.key", "attention.attention.value"), name
    return renamed


@torch.no_grad()
def run(model, inputs):
    tokens = model(inputs["pixel_values"]).last_hidden_state
    return {"tokens": tokens, "features": tokens[:, 0]}


def to_chunked(original):
    """As training with block_chunks=2 names the blocks: the index stays that of the whole model."""
    return {re.sub(r"^blocks\.(\d+)\.", r"blocks.\1.\1.", name): x for name, x in original.items()}


def to_timm(architecture, arguments, original):
    """timm's model of the same weights, through timm's own reader of original files."""
    model = timm.create_model(architecture, **{**TIMM, **arguments}).eval()
    state = checkpoint_filter_fn({k: v.clone() for k, v in original.items()}, model)
    model.load_state_dict(state, strict=True)
    return model


def config_of(model):
    """The model's config in tenon's words (interface: config keys of vit)."""
    c = model.config
    swiglu = c.use_swiglu_ffn
    registers = getattr(c, "num_register_tokens", 0)
    return {
        "img_size": 16,
        "patch_size": 4,
        "in_chans": 3,
        "num_classes": 0,
        "embed_dim": c.hidden_size,
        "depth": c.num_hidden_layers,
        "num_heads": c.num_attention_heads,
        "mlp_hidden": 64 if swiglu else 48,
        "class_token": True,
        "dist_token": False,
        "reg_tokens": registers,
        "no_embed_class": registers > 0,
        "qkv_bias": True,
        "qk_norm": "none",
        "layer_scale": True,
        "pre_norm": False,
        "final_norm": True,
        "fc_norm": False,
        "global_pool": "token",
        "act": "swiglu" if swiglu else "gelu",
        "norm": "layernorm",
        "norm_eps": c.layer_norm_eps,
    }


def mutants_of(model, config, inputs, tensors):
    """Wrong models; `swap` pairs are the file's names, found by their values."""
    live = model.state_dict()
    found = []

    def in_file(name):
        return next((k for k, v in tensors.items() if torch.equal(v, live[name])), None)

    def add(title, change, **how):
        found.append({"name": title, **how, "outputs": hf.changed(model, run, inputs, change)})

    def add_swap(title, pairs):
        names = [[in_file(x) for x in pair] for pair in pairs]
        how = {"swap": names} if all(all(pair) for pair in names) else {}
        add(title, hf.exchange(pairs), **how)

    first = "encoder.layer.0"
    for wrong in (2, 6):
        add(f"{wrong} heads", hf.set_heads(wrong), set={"num_heads": wrong})
    if config["act"] == "gelu":
        add("quick GELU", hf.set_act(hf.QuickGelu), set={"act": "quick_gelu"})
    else:
        add_swap("the halves of SwiGLU swapped",
                 [[f"{first}.mlp.gate_proj.{k}", f"{first}.mlp.up_proj.{k}"]
                  for k in ("weight", "bias")])
    add_swap("the first block's norms swapped",
             [[f"{first}.norm1.{k}", f"{first}.norm2.{k}"] for k in ("weight", "bias")])
    add_swap("the layer scales swapped",
             [[f"{first}.layer_scale1.lambda1", f"{first}.layer_scale2.lambda1"]])
    add_swap("query and value swapped",
             [[f"{first}.attention.q_proj.{k}", f"{first}.attention.v_proj.{k}"]
              for k in ("weight", "bias")])
    if config["reg_tokens"]:
        def no_class_position(m):
            m.embeddings.position_embeddings[:, 0] = 0
        add("the class token's position lost", no_class_position)
    add("norm lost", hf.lose("layernorm"), lost="norm")
    add("a norm inside a block lost", hf.lose("encoder.layer.1.norm2"), lost="blocks.1.norm2")
    found.append({
        "name": "pool avg", "set": {"global_pool": "avg"},
        "outputs": lambda: {
            "features": run(model, inputs)["tokens"][:, 1 + config["reg_tokens"]:].mean(1)}})
    return found


@torch.no_grad()
def make(name):
    about, build, architecture, arguments = MODELS[name]
    model = golden.fill(build(), f"vit/dinov2_{name}")
    inputs = {"pixel_values": golden.random_tensor((2, 3, 16, 16), name)}
    disk, text = hf.as_saved(model)
    original = to_original(disk)
    timm_model = to_timm(architecture, arguments, original)
    by_timm = timm_model.forward_features(inputs["pixel_values"])
    apart = golden.movement(run(model, inputs), {"tokens": by_timm})
    assert apart["tokens"] <= golden.ROUNDING, apart
    config = config_of(model)

    native = hf.config_writer(text)
    forms = {
        "original": ("dinov2", original, None),
        "chunked": ("dinov2", to_chunked(original), None),
        "transformers": ("transformers", disk, native),
        "transformers_memory": ("transformers", dict(model.state_dict()), native),
        "timm": ("timm", timm_model.state_dict(),
                 lambda folder: save_config_for_hf(timm_model, str(folder / "config.json"))),
    }
    hidden = HIDDEN if config["act"] == "swiglu" else (*HIDDEN, "act")
    if name != "plain":  # one set of weights in chunks says it for all
        del forms["chunked"]
    for form, (layout, tensors, native) in forms.items():
        golden.write(
            f"vit/dinov2_{name}_{form}", script=SCRIPT, about=about, uses=["transformers", "timm"],
            model=model, run=run, inputs=inputs, checkpoint=tensors,
            inspect={"family": "vit", "variant": "custom", "layout": layout,
                     "config": {k: v for k, v in config.items() if k not in hidden}},
            settings={k: config[k] for k in hidden}, native=native,
            mutants=mutants_of(model, config, inputs, tensors))


if __name__ == "__main__":
    for model_name in sys.argv[1:] or MODELS:
        make(model_name)
