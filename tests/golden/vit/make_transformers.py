#!/usr/bin/env python3
"""Goldens of transformers' ViT, DeiT and InternVL vision models.

Each model is written under the names that save_pretrained stores (`disk`) and, where they differ,
under the live model's own (`memory`). InternVL's tower is also written under the names of the
original InternViT remote code, which no pinned library has: `to_internvit` is that renaming.

    python tests/golden/vit/make_transformers.py [MODEL...]
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import golden
import hf

import torch
import transformers as t

SCRIPT = "tests/golden/vit/make_transformers.py"
SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48)
SQUARE = dict(image_size=16, patch_size=4)
WEAK_EMBEDDING = (r"patch_embeddings\.", r"position_embeddings$", r"cls_token$")
BOTH_FORMS = ("vit_model", "vit_classifier", "deit_distilled")  # the rest differ in no other name


def classifier(kind, config):
    config.num_labels = 5
    return kind(config)


def internvl(**arguments):
    config = t.InternVLVisionConfig(image_size=[16, 16], patch_size=[4, 4], **SIZES, **arguments)
    return t.InternVLVisionModel(config)


SIX_B = dict(norm_type="rms_norm", use_qk_norm=True, attention_bias=False)
THREE_HUNDRED_M = dict(norm_type="layer_norm", use_qk_norm=False, attention_bias=True)

# name: (about, model, whether the embeddings are made small so that eps shows)
MODELS = {
    "vit_model": ("ViTModel: a pooler, no classifier",
                  lambda: t.ViTModel(t.ViTConfig(**SIZES, **SQUARE)), False),
    "vit_classifier": ("ViTForImageClassification",
                       lambda: classifier(t.ViTForImageClassification,
                                          t.ViTConfig(**SIZES, **SQUARE)), False),
    "vit_no_qkv_bias": ("ViTForImageClassification without bias in q, k, v",
                        lambda: classifier(t.ViTForImageClassification,
                                           t.ViTConfig(qkv_bias=False, **SIZES, **SQUARE)), False),
    "vit_eps": ("transformers' default eps 1e-12 shows",
                lambda: classifier(t.ViTForImageClassification, t.ViTConfig(**SIZES, **SQUARE)),
                True),
    "deit_distilled": ("DeiTForImageClassificationWithTeacher: two heads",
                       lambda: classifier(t.DeiTForImageClassificationWithTeacher,
                                          t.DeiTConfig(**SIZES, **SQUARE)), False),
    "internvl_6b": ("the 6B kind: RMS norms, q and k normed over the full width, no qkv bias",
                    lambda: internvl(**SIX_B), False),
    "internvl_300m": ("the 300M kind: layer norms, qkv bias", lambda: internvl(**THREE_HUNDRED_M),
                      False),
    "internvl_6b_eps": ("the 6B kind with embeddings so small that eps 1e-6 shows",
                        lambda: internvl(**SIX_B), True),
}


@torch.no_grad()
def run(model, inputs):
    base = getattr(model, model.base_model_prefix, model)
    tokens = base(inputs["pixel_values"]).last_hidden_state
    features = tokens[:, 0]
    if hasattr(model, "distillation_classifier"):  # timm's pre-logits: the mean of both tokens
        features = (tokens[:, 0] + tokens[:, 1]) / 2
    outputs = {"tokens": tokens, "features": features}
    if model is not base:
        outputs["logits"] = model(inputs["pixel_values"]).logits
    return outputs


def to_internvit(state):
    """InternVLVisionModel's tensors under the names of OpenGVLab's remote code."""
    outer = {
        "embeddings.cls_token": "embeddings.class_embedding",
        "embeddings.position_embeddings": "embeddings.position_embedding",
        "embeddings.patch_embeddings.projection.weight": "embeddings.patch_embedding.weight",
        "embeddings.patch_embeddings.projection.bias": "embeddings.patch_embedding.bias",
    }
    inner = {
        "lambda_1": "ls1",
        "lambda_2": "ls2",
        "layernorm_before": "norm1",
        "layernorm_after": "norm2",
        "attention.projection_layer": "attn.proj",
        "attention.q_norm": "attn.q_norm",
        "attention.k_norm": "attn.k_norm",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    }
    renamed = {}
    for name, tensor in state.items():
        if name in outer:
            renamed[outer[name]] = tensor
            continue
        _, _, index, rest = name.split(".", 3)
        prefix = f"encoder.layers.{index}."
        stem, _, kind = rest.rpartition(".")
        if rest in inner:
            renamed[prefix + inner[rest]] = tensor
        elif stem in inner:
            renamed[f"{prefix}{inner[stem]}.{kind}"] = tensor
        elif stem == "attention.q_proj":
            parts = [state[name.replace("q_proj", f"{p}_proj")] for p in "qkv"]
            renamed[f"{prefix}attn.qkv.{kind}"] = torch.cat(parts)
        else:
            assert stem in ("attention.k_proj", "attention.v_proj"), name
    return renamed


def internvit_config(config):
    """config.json of the remote code for the same model (its keys, not transformers')."""
    return json.dumps({
        "architectures": ["InternVisionModel"],
        "attention_dropout": 0.0,
        "drop_path_rate": 0.0,
        "dropout": 0.0,
        "hidden_act": config.hidden_act,
        "hidden_size": config.hidden_size,
        "image_size": config.image_size[0],
        "initializer_factor": 0.1,
        "initializer_range": 0.02,
        "intermediate_size": config.intermediate_size,
        "layer_norm_eps": config.layer_norm_eps,
        "model_type": "intern_vit_6b",
        "norm_type": config.norm_type,
        "num_attention_heads": config.num_attention_heads,
        "num_channels": config.num_channels,
        "num_hidden_layers": config.num_hidden_layers,
        "patch_size": config.patch_size[0],
        "qk_normalization": config.use_qk_norm,
        "qkv_bias": config.attention_bias,
        "torch_dtype": "float32",
        "use_flash_attn": False,
    }, indent=2)


def config_of(model):
    """The model's config in tenon's words (interface: config keys of vit)."""
    c = model.config
    intern = c.model_type == "internvl_vision"
    distilled = hasattr(model, "distillation_classifier")
    heads = hasattr(model, "classifier") or distilled
    return {
        "img_size": 16,
        "patch_size": 4,
        "in_chans": 3,
        "num_classes": c.num_labels if heads else 0,
        "embed_dim": c.hidden_size,
        "depth": c.num_hidden_layers,
        "num_heads": c.num_attention_heads,
        "mlp_hidden": c.intermediate_size,
        "class_token": True,
        "dist_token": distilled,
        "reg_tokens": 0,
        "no_embed_class": False,
        "qkv_bias": c.attention_bias if intern else c.qkv_bias,
        "qk_norm": "full" if intern and c.use_qk_norm else "none",
        "layer_scale": intern,
        "pre_norm": False,
        "final_norm": not intern,
        "fc_norm": False,
        "global_pool": "token",
        "act": c.hidden_act,
        "norm": "rmsnorm" if intern and c.norm_type == "rms_norm" else "layernorm",
        "norm_eps": c.layer_norm_eps,
    }


def mutants_of(model, config, inputs, weak, file_names):
    """Wrong models. `file_names` maps a live tensor's name to its name in the file, or None."""
    root = "" if not hasattr(model, model.base_model_prefix) else model.base_model_prefix + "."
    base = model if not root else getattr(model, model.base_model_prefix)
    layer = f"{root}layers" if hasattr(base, "layers") else f"{root}encoder.layer"
    kinds = ["weight"] if config["norm"] == "rmsnorm" else ["weight", "bias"]
    found = []

    def add(title, change, **how):
        found.append({"name": title, **how, "outputs": hf.changed(model, run, inputs, change)})

    def add_swap(title, a, b, kinds):
        live = [[f"{a}.{k}" if k else a, f"{b}.{k}" if k else b] for k in kinds]
        in_file = [[file_names(x) for x in pair] for pair in live]
        how = {"swap": in_file} if all(all(pair) for pair in in_file) else {}
        add(title, hf.exchange(live), **how)

    if weak:
        for wrong in (1e-5, 1e-6, 1e-12):
            if wrong != config["norm_eps"]:
                add(f"eps {wrong:g}", hf.set_eps(wrong), set={"norm_eps": wrong})
    for wrong in (2, 6):
        add(f"{wrong} heads", hf.set_heads(wrong), set={"num_heads": wrong})
    add("quick GELU", hf.set_act(hf.QuickGelu), set={"act": "quick_gelu"})
    first = f"{layer}.0"
    add_swap("the first block's norms swapped", f"{first}.layernorm_before",
             f"{first}.layernorm_after", kinds)
    add_swap("query and key swapped", f"{first}.attention.q_proj", f"{first}.attention.k_proj",
             ["weight", "bias"] if config["qkv_bias"] else ["weight"])
    add_swap("query and value swapped", f"{first}.attention.q_proj", f"{first}.attention.v_proj",
             ["weight", "bias"] if config["qkv_bias"] else ["weight"])
    if config["qk_norm"] == "full":
        # Exchanging the two norms changes nothing: q·k sees only the product of their weights.
        for norm in ("q_norm", "k_norm"):
            add(f"{norm} lost", hf.lose(f"{first}.attention.{norm}"),
                lost=f"blocks.0.attn.{norm}")
    if config["layer_scale"]:
        add_swap("the layer scales swapped", f"{first}.lambda_1", f"{first}.lambda_2", [""])
    if config["dist_token"]:
        embeddings = f"{root}embeddings"
        add_swap("class and distillation token swapped", f"{embeddings}.cls_token",
                 f"{embeddings}.distillation_token", [""])
        add_swap("the heads swapped", "cls_classifier", "distillation_classifier",
                 ["weight", "bias"])
    if config["final_norm"]:
        add("norm lost", hf.lose(f"{root}layernorm"), lost="norm")
    add("a norm inside a block lost", hf.lose(f"{layer}.1.layernorm_after"), lost="blocks.1.norm2")
    if not config["dist_token"]:
        found.append({
            "name": "pool avg", "set": {"global_pool": "avg"},
            "outputs": lambda: {"features": run(model, inputs)["tokens"][:, 1:].mean(1)}})
    return found


def file_name_finder(model, tensors):
    """Live name -> name in the file: the file tensor that holds exactly its values."""
    live = model.state_dict()

    def find(name):
        same = [k for k, v in tensors.items() if torch.equal(v, live[name])]
        return same[0] if len(same) == 1 else None
    return find


def make(name):
    about, build, weak = MODELS[name]
    model = golden.fill(build(), f"vit/transformers_{name}", small=WEAK_EMBEDDING if weak else ())
    config = config_of(model)
    inputs = {"pixel_values": golden.random_tensor((2, 3, 16, 16), name)}
    disk, native = hf.as_saved(model)
    memory = dict(model.state_dict())
    forms = {"disk": ("transformers", disk, native)}
    if name in BOTH_FORMS:
        assert set(memory) != set(disk)
        forms["memory"] = ("transformers", memory, native)
    if name.startswith("internvl"):
        forms["internvit"] = ("internvit", to_internvit(memory), internvit_config(model.config))
    hidden = ("num_heads", "norm_eps", "act")
    for form, (layout, tensors, text) in forms.items():
        case = f"internvit_{name.removeprefix('internvl_')}" if form == "internvit" else \
            f"transformers_{name}" + ("_memory" if form == "memory" else "")
        golden.write(
            f"vit/{case}", script=SCRIPT, about=about, uses=["transformers"], model=model, run=run,
            inputs=inputs, checkpoint=tensors,
            inspect={"family": "vit", "variant": "custom", "layout": layout,
                     "config": {k: v for k, v in config.items() if k not in hidden}},
            settings={k: config[k] for k in hidden},
            native=hf.config_writer(text),
            mutants=mutants_of(model, config, inputs, weak, file_name_finder(model, tensors)))


if __name__ == "__main__":
    for model_name in sys.argv[1:] or MODELS:
        make(model_name)
