#!/usr/bin/env python3
"""Goldens of transformers' CLIP: the whole model and its towers alone, layout transformers.

    python tests/golden/clip/make_transformers.py [CASE...]
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import CONTEXT, EMBED, TEXT, VISION, captions, config_of, golden, images, logits
import hf

import torch
import transformers as t

SCRIPT = "tests/golden/clip/make_transformers.py"
WEAK_EMBEDDING = (r"patch_embedding\.weight$", r"position_embedding\.weight$", r"class_embedding$",
                  r"token_embedding\.weight$")

# name: (about, class, options)
CASES = {
    "transformers_full": ("CLIPModel, quick GELU, EOS by id", t.CLIPModel,
                          dict(act="quick_gelu", eos=50)),
    "transformers_legacy_eos": ("CLIPModel, exact GELU; eos_token_id 2 means the largest id",
                                t.CLIPModel, dict(act="gelu", eos=2)),
    "transformers_eps": ("embeddings so small that eps 1e-5 shows", t.CLIPModel,
                         dict(act="gelu", eos=63, weak=True)),
    "transformers_position_ids": ("a file of before 4.31, with position_ids", t.CLIPModel,
                                  dict(act="quick_gelu", eos=63, position_ids=True)),
    "transformers_text": ("CLIPTextModel as transformers 5 stores it: no inner level",
                          t.CLIPTextModel, dict(act="quick_gelu", eos=63)),
    "transformers_text_wrapped": ("CLIPTextModel as every older release stored it, with position_ids",
                                  t.CLIPTextModel,
                                  dict(act="quick_gelu", eos=63, wrap="text_model.",
                                       position_ids=True)),
    "transformers_text_projection": ("CLIPTextModelWithProjection, exact GELU",
                                     t.CLIPTextModelWithProjection, dict(act="gelu", eos=63)),
    "transformers_vision": ("CLIPVisionModel as transformers 5 stores it: no inner level",
                            t.CLIPVisionModel, dict(act="quick_gelu")),
    "transformers_vision_wrapped": ("CLIPVisionModel as every older release stored it",
                                    t.CLIPVisionModel,
                                    dict(act="quick_gelu", wrap="vision_model.")),
    "transformers_vision_projection": ("CLIPVisionModelWithProjection, exact GELU",
                                       t.CLIPVisionModelWithProjection, dict(act="gelu")),
}


def text_config(options):
    return t.CLIPTextConfig(
        vocab_size=TEXT["vocab_size"], hidden_size=TEXT["width"], intermediate_size=4 * TEXT["width"],
        projection_dim=EMBED, num_hidden_layers=TEXT["layers"], num_attention_heads=TEXT["heads"],
        max_position_embeddings=CONTEXT, hidden_act=options["act"], layer_norm_eps=1e-5,
        bos_token_id=62, eos_token_id=options["eos"], pad_token_id=1)


def vision_config(options):
    return t.CLIPVisionConfig(
        hidden_size=VISION["width"], intermediate_size=4 * VISION["width"], projection_dim=EMBED,
        num_hidden_layers=VISION["layers"], num_attention_heads=VISION["width"] // VISION["head_width"],
        image_size=VISION["image_size"], patch_size=VISION["patch_size"], hidden_act=options["act"],
        layer_norm_eps=1e-5)


def build(kind, options):
    if kind is t.CLIPModel:
        return kind(t.CLIPConfig(text_config=text_config(options).to_dict(), projection_dim=EMBED,
                                 vision_config=vision_config(options).to_dict()))
    return kind(text_config(options) if "Text" in kind.__name__ else vision_config(options))


def tower(model, name):
    """The tower's module inside `model`, or the model when it is the tower; None where it has none."""
    inner = getattr(model, f"{name}_model", None)
    if inner is not None:
        return inner
    return model if type(model).__name__ == f"CLIP{name.capitalize()}Model" else None


@torch.no_grad()
def run(model, inputs):
    outputs = {}
    if "pixel_values" in inputs:
        states = tower(model, "vision")(inputs["pixel_values"], output_hidden_states=True)
        outputs["image_tokens"] = states.last_hidden_state
        outputs["image_penultimate"] = states.hidden_states[-2]
        if hasattr(model, "visual_projection"):
            outputs["image_features"] = model.visual_projection(states.pooler_output)
    if "input_ids" in inputs:
        states = tower(model, "text")(inputs["input_ids"], output_hidden_states=True)
        outputs["text_tokens"] = states.last_hidden_state
        outputs["text_penultimate"] = states.hidden_states[-2]
        # What diffusers' clip_skip takes of a text encoder.
        outputs["text_penultimate_normed"] = tower(model, "text").final_layer_norm(states.hidden_states[-2])
        if hasattr(model, "text_projection"):
            outputs["text_features"] = model.text_projection(states.pooler_output)
    if len(inputs) == 2:
        outputs["logits_per_image"] = logits(model.logit_scale, outputs["image_features"],
                                             outputs["text_features"])
        whole = model(**inputs).logits_per_image
        apart = golden.movement({"x": whole}, {"x": outputs["logits_per_image"]})["x"]
        assert apart < (1e-5 if whole.dtype in (torch.float32, torch.float64) else 0.05), apart
    return outputs


def check_penultimate(model, inputs):
    """hidden_states[-2] is what the last block receives."""
    seen = {}
    for name in ("vision", "text"):
        module = tower(model, name)
        if module is not None:
            module.encoder.layers[-1].register_forward_pre_hook(
                lambda m, a, k, n=name: seen.__setitem__(n, (a[0] if a else k["hidden_states"])),
                with_kwargs=True)
    outputs = run(model, inputs)
    for name, key in (("vision", "image_penultimate"), ("text", "text_penultimate")):
        if key in outputs:
            assert torch.equal(seen[name], outputs[key]), key


def in_file(model, options):
    """(tensors as stored, config.json), in the older forms where the case asks for them."""
    tensors, text = hf.as_saved(model)
    if options.get("wrap"):
        wrap = options["wrap"]
        assert not any(name.startswith(wrap) for name in tensors)
        tensors = {wrap + name: tensor for name, tensor in tensors.items()}
    if options.get("position_ids"):
        for name in list(tensors):
            if name.endswith("position_embedding.weight"):
                ids = torch.arange(tensors[name].shape[0])[None]
                tensors[name.replace("position_embedding.weight", "position_ids")] = ids
    return tensors, text


def mutants_of(model, options, inputs, tensors):
    live = model.state_dict()
    found = []

    def file_name(name):
        return next(k for k, v in tensors.items() if torch.equal(v, live[name]))

    def add(title, change, **how):
        found.append({"name": title, **how, "outputs": hf.changed(model, run, inputs, change)})

    def swap(title, a, b):
        pairs = [[f"{a}.{k}", f"{b}.{k}"] for k in ("weight", "bias")]
        add(title, hf.exchange(pairs), swap=[[file_name(x) for x in pair] for pair in pairs])

    def path(name):
        module = tower(model, name)
        return "" if module is model else f"{name}_model."

    quick = options["act"] == "quick_gelu"
    add("exact GELU" if quick else "quick GELU",
        hf.set_act(torch.nn.GELU if quick else hf.QuickGelu), set={"quick_gelu": not quick})
    if options.get("weak"):
        for wrong in (1e-6, 1e-12):
            add(f"eps {wrong:g}", hf.set_eps(wrong),
                set={"vision_cfg.norm_kwargs.eps": wrong, "text_cfg.norm_kwargs.eps": wrong})
    if "pixel_values" in inputs:
        v = path("vision")
        add("vision heads", lambda m: hf.set_heads(2)(tower(m, "vision")),
            set={"vision_cfg.head_width": VISION["width"] // 2})
        if hasattr(model, "visual_projection"):
            swap("the norms before and after swapped", f"{v}pre_layrnorm", f"{v}post_layernorm")
        swap("the first vision block's norms swapped", f"{v}encoder.layers.0.layer_norm1",
             f"{v}encoder.layers.0.layer_norm2")
        swap("query and value of the vision tower swapped", f"{v}encoder.layers.0.self_attn.q_proj",
             f"{v}encoder.layers.0.self_attn.v_proj")
        add("ln_pre lost", hf.lose(f"{v}pre_layrnorm"), lost="visual.ln_pre")
    if "input_ids" in inputs:
        x = path("text")
        add("text heads", lambda m: hf.set_heads(2)(tower(m, "text")), set={"text_cfg.heads": 2})
        swap("the first text block's norms swapped", f"{x}encoder.layers.0.layer_norm1",
             f"{x}encoder.layers.0.layer_norm2")
        swap("query and key of the text tower swapped", f"{x}encoder.layers.1.self_attn.q_proj",
             f"{x}encoder.layers.1.self_attn.k_proj")
        add("ln_final lost", hf.lose(f"{x}final_layer_norm"), lost="ln_final")
        if hasattr(model, "text_projection"):
            def transpose(m):
                with torch.no_grad():
                    m.text_projection.weight.copy_(m.text_projection.weight.T.clone())
            add("text projection transposed", transpose, transpose=["text_projection.weight"])
            if options["eos"] == 50:
                def legacy(m):
                    tower(m, "text").eos_token_id = 2
                add("pool argmax", legacy, set={"text_cfg.pool_type": "argmax"})
            else:
                found.append({"name": "pool last", "set": {"text_cfg.pool_type": "last"},
                              "outputs": lambda: {"text_features": model.text_projection(
                                  run(model, inputs)["text_tokens"][:, -1])}})
    return found


@torch.no_grad()
def make(name):
    about, kind, options = CASES[name]
    model = golden.fill(build(kind, options), f"clip/{name}",
                        small=WEAK_EMBEDDING if options.get("weak") else ())
    has_vision, has_text = (tower(model, x) is not None for x in ("vision", "text"))
    inputs, settings = {}, {"quick_gelu": options["act"] == "quick_gelu"}
    if has_vision:
        inputs["pixel_values"] = images(name)
        settings["vision_cfg.head_width"] = VISION["head_width"]
    if has_text:
        eos = options["eos"]
        inputs["input_ids"] = captions(50, end=50, beyond=57) if eos == 50 else captions(63)
        settings["text_cfg.heads"] = TEXT["heads"]
        if eos == 50:
            settings |= {"text_cfg.pool_type": "eos", "text_cfg.eos_id": eos}
    check_penultimate(model, inputs)
    for module in model.modules():
        module._forward_pre_hooks.clear()
    tensors, text = in_file(model, options)
    projected = any("projection" in k for k in tensors)
    config = config_of(VISION if has_vision else None, TEXT if has_text else None,
                       EMBED if projected else None)
    golden.write(
        f"clip/{name}", script=SCRIPT, about=about, uses=["transformers"], model=model, run=run, narrow=True,
        inputs=inputs, checkpoint=tensors,
        inspect={"family": "clip", "variant": "custom", "layout": "transformers", "config": config},
        settings=settings, native=hf.config_writer(text),
        mutants=mutants_of(model, options, inputs, tensors))


if __name__ == "__main__":
    for case in sys.argv[1:] or CASES:
        make(case)
