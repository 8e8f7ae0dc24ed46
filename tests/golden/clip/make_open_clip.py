#!/usr/bin/env python3
"""Goldens of open_clip's models: layouts openai, open_clip and open_clip_custom_text.

    python tests/golden/clip/make_open_clip.py [CASE...]
"""
import copy
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import CONTEXT, EMBED, TEXT, VISION, captions, config_of, golden, images, logits

import open_clip
import torch
from open_clip.model import CLIP, CustomTextCLIP, build_model_from_openai_state_dict, resize_pos_embed

SCRIPT = "tests/golden/clip/make_open_clip.py"
RESNET = dict(layers=[1, 2, 1, 1], width=2, head_width=8, image_size=64)
WEAK_EMBEDDING = (r"conv1\.weight$", r"positional_embedding$", r"class_embedding$",
                  r"token_embedding\.weight$")
FOR_OPENAI = dict(  # heads follow openai's rule, width / 64
    vision=dict(layers=1, width=64, head_width=64, patch_size=4, image_size=16),
    text=dict(layers=1, width=64, heads=1, context_length=CONTEXT, vocab_size=64), embed=64)

# name: (about, layout, options)
CASES = {
    "open_clip_vit": ("exact GELU", "open_clip", {}),
    "open_clip_quick_gelu": ("quick GELU", "open_clip", dict(quick_gelu=True)),
    "open_clip_wide_mlp": ("a vision MLP of another ratio, joint width unlike the text width",
                           "open_clip", dict(embed=20, vision=dict(mlp_ratio=4.3637))),
    "open_clip_eps": ("embeddings so small that eps 1e-5 shows", "open_clip", dict(weak=True)),
    "open_clip_vision": ("the vision tower alone", "open_clip", dict(towers=["vision"])),
    "open_clip_text": ("the text tower alone, as diffusion bundles embed it", "open_clip",
                       dict(towers=["text"])),
    "open_clip_resized": ("position table resized from 4x4 to 6x6 by open_clip", "open_clip",
                          dict(resized=24)),
    "open_clip_rn": ("ModifiedResNet tower", "open_clip", dict(resnet=True, text=dict(layers=1))),
    "open_clip_custom_text": ("CustomTextCLIP, EOS by id", "open_clip_custom_text",
                              dict(custom=True, embed=20, text=dict(pool_type="eos", eos_id=50))),
    "openai_vit": ("half precision but for norms and embeddings, three scalars", "openai",
                   dict(quick_gelu=True, openai=True, **FOR_OPENAI)),
    "openai_rn": ("ModifiedResNet tower, half precision, three scalars", "openai",
                  dict(resnet=True, openai=True, quick_gelu=True, text=dict(layers=1))),
}


def parts(options):
    vision = {**(RESNET if options.get("resnet") else VISION), **options.get("vision", {})}
    return vision, {**TEXT, **options.get("text", {})}, options.get("embed", EMBED)


def build(options):
    vision, text, embed = parts(options)
    kind = CustomTextCLIP if options.get("custom") else CLIP
    return kind(embed, vision, text, quick_gelu=options.get("quick_gelu", False)).eval()


def text_of(model):
    """The module that holds the text tower: the model itself, or its `text`."""
    return model.text if hasattr(model, "text") else model


@torch.no_grad()
def run_image(model, pixels):
    outputs = {"image_features": model.encode_image(pixels)}
    if hasattr(model.visual, "transformer"):
        embedded = model.visual._embeds(pixels)
        _, states = model.visual.transformer.forward_intermediates(embedded)
        outputs |= {"image_tokens": states[-1], "image_penultimate": ([embedded] + states)[-2]}
    return outputs


@torch.no_grad()
def run_text(model, ids):
    text = text_of(model)
    mask = text.attn_mask
    embedded = text.token_embedding(ids) + text.positional_embedding[:ids.shape[1]]
    _, states = text.transformer.forward_intermediates(embedded, attn_mask=mask)
    before_last = ([embedded] + states)[-2]
    return {"text_features": model.encode_text(ids), "text_tokens": text.ln_final(states[-1]),
            "text_penultimate": before_last, "text_penultimate_normed": text.ln_final(before_last)}


@torch.no_grad()
def check_penultimate_normed(model, ids):
    """open_clip's own normalised intermediate is the same; a tower of one block has none to take."""
    blocks = len(text_of(model).transformer.resblocks)
    if blocks < 2:
        return
    theirs = model.forward_intermediates(text=ids, text_indices=[blocks - 2], normalize_intermediates=True,
                                         intermediates_only=True)["text_intermediates"]
    assert torch.equal(theirs[0], run_text(model, ids)["text_penultimate_normed"])


def run(model, inputs):
    outputs = {}
    if "pixel_values" in inputs:
        outputs |= run_image(model, inputs["pixel_values"])
    if "input_ids" in inputs:
        outputs |= run_text(model, inputs["input_ids"])
    if len(inputs) == 2:
        outputs["logits_per_image"] = logits(model.logit_scale, outputs["image_features"],
                                             outputs["text_features"])
    return outputs


def to_openai(model, options):
    """The file's tensors: half where openai's conversion reaches, and the archive's three scalars.

    The model's own weights are rounded to what the file holds.
    """
    state = {}
    for name, tensor in model.state_dict().items():
        single = (not tensor.is_floating_point() or "ln_" in name or ".bn" in name
                  or "downsample.1" in name or name.endswith("embedding") or name == "logit_scale"
                  or name == "token_embedding.weight")
        state[name] = tensor if single else tensor.half()
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    vision, text, _ = parts(options)
    if not options.get("resnet"):  # open_clip's reader of these archives infers the same model
        read = build_model_from_openai_state_dict({k: v.clone() for k, v in state.items()},
                                                  cast_dtype=torch.float32).float()
        assert read.visual.transformer.resblocks[0].attn.num_heads == 1
        pixels = images("openai")
        apart = golden.movement(run_image(model, pixels), run_image(read, pixels))
        assert max(apart.values()) <= golden.ROUNDING, apart
    return state | {"input_resolution": torch.tensor(vision["image_size"]),
                    "context_length": torch.tensor(text["context_length"]),
                    "vocab_size": torch.tensor(text["vocab_size"])}


def resized(model, options):
    """(checkpoint, the model at the other image size) by open_clip's own resize."""
    checkpoint = {k: v.clone() for k, v in model.state_dict().items()}
    vision, text, embed = parts(options)
    other = CLIP(embed, vision | {"image_size": options["resized"]}, text).eval()
    state = dict(checkpoint)
    resize_pos_embed(state, other)
    other.load_state_dict(state)
    return checkpoint, other


def mutants_of(model, options, inputs, config):
    found = []

    def add(title, change, **how):
        def outputs():
            twin = copy.deepcopy(model)
            with torch.no_grad():
                change(twin)
            return run(twin, inputs)
        found.append({"name": title, **how, "outputs": outputs})

    def swap(title, pairs):
        def change(twin):
            twin.load_state_dict(golden.swapped(twin.state_dict(), pairs))
        add(title, change, swap=pairs)

    def blocks(twin, tower):
        return (twin.visual if tower == "vision" else text_of(twin)).transformer.resblocks

    def heads(tower, value):
        def change(twin):
            for block in blocks(twin, tower):
                block.attn.num_heads = value
                block.attn.head_dim = block.attn.embed_dim // value
        return change

    def activation(act):
        def change(twin):
            towers = [text_of(twin)] + ([] if options.get("resnet") else [twin.visual])
            for tower in towers:
                for block in tower.transformer.resblocks:
                    block.mlp.gelu = act()
        return change

    def eps(value):
        def change(twin):
            for module in twin.modules():
                if isinstance(module, torch.nn.LayerNorm):
                    module.eps = value
        return change

    def identity(path):
        def change(twin):
            owner, _, name = path.rpartition(".")
            setattr(twin.get_submodule(owner), name, torch.nn.Identity())
        return change

    def norm_pair(a, b):
        return [[f"{a}.{k}", f"{b}.{k}"] for k in ("weight", "bias")]

    has_vision, has_text = "pixel_values" in inputs, "input_ids" in inputs
    t = "text." if options.get("custom") else ""
    quick = options.get("quick_gelu", False)
    if has_text or not options.get("resnet"):
        wrong = torch.nn.GELU if quick else open_clip.transformer.QuickGELU
        add("exact GELU" if quick else "quick GELU", activation(wrong), set={"quick_gelu": not quick})
    if options.get("weak"):
        for wrong in (1e-6, 1e-12):
            add(f"eps {wrong:g}", eps(wrong), set={"vision_cfg.norm_kwargs.eps": wrong,
                                                   "text_cfg.norm_kwargs.eps": wrong})
    if has_vision and not options.get("resnet"):
        width = config["vision_cfg.width"]
        wrong = 2 if width == 16 else 4
        add("vision heads", heads("vision", wrong), set={"vision_cfg.head_width": width // wrong})
        swap("ln_pre and ln_post swapped", norm_pair("visual.ln_pre", "visual.ln_post"))
        swap("the first vision block's norms swapped",
             norm_pair("visual.transformer.resblocks.0.ln_1", "visual.transformer.resblocks.0.ln_2"))
        add("ln_post lost", identity("visual.ln_post"), lost="visual.ln_post")
    if options.get("resnet"):
        swap("mean and bias of a batch norm swapped",
             [["visual.layer4.0.bn3.running_mean", "visual.layer4.0.bn3.bias"]])
        swap("mean and variance of a batch norm swapped",
             [["visual.bn3.running_mean", "visual.bn3.running_var"]])
        swap("query and key of the pool swapped",
             norm_pair("visual.attnpool.q_proj", "visual.attnpool.k_proj"))

        def pool_heads(twin):
            twin.visual.attnpool.num_heads = 4
        add("heads of the pool", pool_heads, set={"vision_cfg.head_width": 16})
    if has_text:
        wrong = 4 if "width" in options.get("text", {}) else 2
        add("text heads", heads("text", wrong), set={"text_cfg.heads": wrong})
        swap("the first text block's norms swapped",
             norm_pair(f"{t}transformer.resblocks.0.ln_1", f"{t}transformer.resblocks.0.ln_2"))
        add("ln_final lost", identity(f"{t}ln_final"), lost="ln_final")

        def no_mask(twin):
            text_of(twin).attn_mask.zero_()
        add("no causal mask", no_mask, set={"text_cfg.no_causal_mask": True})

        def last(twin):
            setattr(text_of(twin), "text_pool_type" if text_of(twin) is twin else "pool_type", "last")
        add("pool last", last, set={"text_cfg.pool_type": "last"})
        if text_of(model).text_projection.shape[0] == text_of(model).text_projection.shape[1]:
            def transpose(twin):
                projection = text_of(twin).text_projection
                projection.copy_(projection.T.clone())
            add("text projection transposed", transpose, transpose=[f"{t}text_projection"])
        if options.get("custom"):
            def argmax(twin):
                twin.text.pool_type = "argmax"
            add("pool argmax", argmax, set={"text_cfg.pool_type": "argmax"})
    return found


def native_config(options):
    vision, text, embed = parts(options)
    model_cfg = {"embed_dim": embed, "quick_gelu": options.get("quick_gelu", False),
                 "vision_cfg": vision, "text_cfg": text}
    if options.get("custom"):
        model_cfg["custom_text"] = True
    document = json.dumps({"model_cfg": model_cfg, "preprocess_cfg": {
        "mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}}, indent=1)
    return lambda folder: (folder / "open_clip_config.json").write_text(document + "\n")


def make(name):
    about, layout, options = CASES[name]
    vision, text, embed = parts(options)
    towers = options.get("towers", ["vision", "text"])
    model = golden.fill(build(options), f"clip/{name}", gain=1.2 if options.get("resnet") else 1.5,
                        small=WEAK_EMBEDDING if options.get("weak") else ())
    checkpoint = {k: v for k, v in model.state_dict().items()}
    if options.get("openai"):
        checkpoint = to_openai(model, options)
    if options.get("resized"):
        checkpoint, model = resized(model, options)
    if towers == ["vision"]:
        checkpoint = {k: v for k, v in checkpoint.items() if k.startswith("visual.")}
    if towers == ["text"]:
        checkpoint = {k: v for k, v in checkpoint.items() if not k.startswith("visual.")}

    inputs = {}
    if "vision" in towers:
        inputs["pixel_values"] = images(name, options.get("resized", vision["image_size"]))
    if "text" in towers:
        by_id = text.get("pool_type") == "eos"
        inputs["input_ids"] = captions(0, end=50, beyond=57) if by_id else captions(0)
        check_penultimate_normed(model, inputs["input_ids"])
    config = config_of(vision if "vision" in towers else None, text if "text" in towers else None,
                       embed)
    settings, extra = {}, {}
    if "vision" in towers:
        settings["vision_cfg.head_width"] = vision["head_width"]
    if "text" in towers:
        settings["text_cfg.heads"] = text["heads"]
        settings |= {f"text_cfg.{k}": text[k] for k in ("pool_type", "eos_id") if k in text}
    settings["quick_gelu"] = options.get("quick_gelu", False)
    if options.get("resized"):
        settings["vision_cfg.image_size"] = options["resized"]
        extra = {"policy": "lenient"}
    golden.write(
        f"clip/{name}", script=SCRIPT, about=about, uses=["open-clip-torch"], model=model, run=run, narrow=True,
        inputs=inputs, checkpoint=checkpoint,
        inspect={"family": "clip", "variant": "custom", "layout": layout, "config": config},
        settings=settings, native=native_config(options), extra=extra,
        mutants=mutants_of(model, options, inputs, config))


if __name__ == "__main__":
    for case in sys.argv[1:] or CASES:
        make(case)
