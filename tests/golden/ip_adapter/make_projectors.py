#!/usr/bin/env python3
"""Goldens of IP-Adapter's projectors, every published kind, layout published.

    python tests/golden/ip_adapter/make_projectors.py [CASE...]

The reference is ../id_modules.py, held against diffusers' own reading of the same tensors where it
has one. The key and value projections beside the projector have SD 1's numbering and small widths.
Heads are 64 wide, as the format fixes them.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import golden
import hf
import id_modules

import torch
from diffusers.loaders.unet import UNet2DConditionLoadersMixin

SCRIPT = "tests/golden/ip_adapter/make_projectors.py"
CONTEXT = 12  # X, the UNet's cross-attention width
LORA_RANK = 2
# Width of each of SD 1's 32 attentions in a UNet of channels (4, 8, 8, 8); the odd ones are cross-attention.
WIDTHS = [4] * 4 + [8] * 20 + [4] * 6 + [8] * 2


def attention_tensors(seed, context, lora=False, widths=WIDTHS):
    """The `ip_adapter` half: key and value of the cross-attentions, and FaceID's LoRA of all."""
    tensors = {}

    def add(name, *shape):
        tensors[name] = golden.random_tensor(shape, f"{seed}/{name}") / shape[1] ** 0.5
    for n, width in enumerate(widths):
        if lora:
            for part in ("q", "k", "v", "out"):
                into = context if part in "kv" and n % 2 else width
                add(f"{n}.to_{part}_lora.down.weight", LORA_RANK, into)
                add(f"{n}.to_{part}_lora.up.weight", width, LORA_RANK)
        if n % 2:
            add(f"{n}.to_k_ip.weight", width, context)
            add(f"{n}.to_v_ip.weight", width, context)
    return tensors


# kind: (about, projector, context width, inputs, options)
CASES = {
    "base": ("a projected CLIP embedding, four tokens", lambda: id_modules.ImageProjection(20, 4, CONTEXT),
             CONTEXT, {"image_embeds": (2, 20)}, {}),
    "plus": ("Resampler over CLIP's tokens", lambda: id_modules.Resampler(64, 2, 64, 1, 6, 20, CONTEXT),
             CONTEXT, {"hidden_states": (2, 5, 20)}, {}),
    "full": ("every CLIP token, projected", lambda: id_modules.FullProjection(16, CONTEXT), CONTEXT,
             {"hidden_states": (2, 5, 16)}, {}),
    "faceid": ("a face vector, four tokens, LoRA on every attention",
               lambda: id_modules.FaceProjection(512, 16, 4, CONTEXT), CONTEXT,
               {"image_embeds": (2, 512)}, dict(lora=True, unit=True)),
    "faceid-plus": ("a face vector and CLIP's tokens; the second version adds the face's own tokens",
                    lambda: id_modules.FacePlusProjection(512, 16, 4, 64, 20, 1, 1), 64,
                    {"image_embeds": (2, 512), "hidden_states": (2, 5, 20)},
                    dict(lora=True, unit=True)),
    "faceid-portrait": ("three face vectors, sixteen tokens each",
                        lambda: id_modules.FaceProjection(512, 16, 16, CONTEXT), CONTEXT,
                        {"image_embeds": (2, 3, 512)}, dict(unit=True, diffusers=False)),
    "faceid-portrait-unnorm": ("Resampler over raw face vectors",
                               lambda: id_modules.Resampler(64, 1, 64, 1, 6, 512, CONTEXT), CONTEXT,
                               {"image_embeds": (2, 3, 512)}, {}),
}


def runner(shortcut=False, s_scale=1.0):
    @torch.no_grad()
    def run(model, inputs):
        given = [inputs[k] for k in ("image_embeds", "hidden_states") if k in inputs]
        if isinstance(model, id_modules.FacePlusProjection):
            return {"ip_tokens": model(*given, shortcut=shortcut, s_scale=s_scale)}
        return {"ip_tokens": model(*given)}
    return run


LARGER = {  # diffusers reads perceivers of four layers only, and hidden widths of whole 512s
    "plus": lambda: id_modules.Resampler(64, 4, 64, 1, 6, 20, CONTEXT),
    "faceid": lambda: id_modules.FaceProjection(512, 1024, 4, CONTEXT),
    "faceid-plus": lambda: id_modules.FacePlusProjection(512, 1024, 4, 64, 20, 4, 1),
    "faceid-portrait-unnorm": lambda: id_modules.Resampler(64, 4, 64, 1, 6, 512, CONTEXT),
}


def hold_against_diffusers(kind, model, inputs, shortcut=False):
    """diffusers' projector of the same tensors gives the same tokens."""
    if kind in LARGER:
        model = golden.fill(LARGER[kind](), f"ip_adapter/{kind}/larger")
    state = {k: v.clone() for k, v in model.state_dict().items()}
    theirs = UNet2DConditionLoadersMixin()._convert_ip_adapter_image_proj_to_diffusers(
        state, low_cpu_mem_usage=False).eval()
    given = inputs.get("image_embeds", inputs.get("hidden_states"))
    if kind == "faceid-plus":
        theirs.clip_embeds, theirs.shortcut = inputs["hidden_states"][:, None], shortcut
    with torch.no_grad():
        tokens = {"ip_tokens": theirs(given)}
    apart = golden.movement(runner(shortcut)(model, inputs), tokens)["ip_tokens"]
    assert apart <= golden.ROUNDING, (kind, apart)


def mutants_of(kind, model, inputs):
    run = runner()
    found = []

    def add(title, change, **how):
        found.append({"name": title, **how, "outputs": hf.changed(model, run, inputs, change)})

    def swap(title, a, b, kinds=("weight",)):
        pairs = [[f"{a}.{k}", f"{b}.{k}"] for k in kinds]
        add(title, hf.exchange(pairs),
            swap=[[f"image_proj.{x}" for x in pair] for pair in pairs])

    def weights(path, change):
        def changed(m):
            with torch.no_grad():
                change(m.get_parameter(path))
        return changed

    norm = next(n for n in ("norm", "norm_out", "proj.3") if f"{n}.weight" in model.state_dict())
    if kind == "faceid-plus":
        norm = "perceiver_resampler.norm_out"
    add("the last norm lost", hf.lose(norm), lost=f"image_proj.{norm}")
    if hasattr(model, "norm"):
        final = "proj.weight" if kind == "base" else "proj.2.weight"
        tokens = model.tokens

        def interleaved(x):
            x.copy_(x.unflatten(0, (tokens, -1)).transpose(0, 1).flatten(0, 1).clone())
        add("tokens and channels read the other way", weights(final, interleaved))
    if isinstance(model, (id_modules.FaceProjection, id_modules.FullProjection)):
        def quick(m):
            m.proj[1] = hf.QuickGelu()
        add("quick GELU", quick)
    stack = {"plus": "", "faceid-portrait-unnorm": "", "faceid-plus": "perceiver_resampler."}.get(kind)
    if stack is not None:
        first = f"{stack}layers.0.0"
        swap("the two norms of a perceiver swapped", f"{first}.norm1", f"{first}.norm2",
             ("weight", "bias"))
        swap("query and output of a perceiver swapped", f"{first}.to_q", f"{first}.to_out")

        def halves(x):
            x.copy_(torch.cat(x.chunk(2)[::-1]))
        add("key and value of a perceiver swapped", weights(f"{first}.to_kv.weight", halves))

        def two_heads(m):
            m.get_submodule(first).heads = 2
        add("32 wide heads", two_heads, set={"resampler_heads": 2})
    if kind == "faceid-plus":
        found.append({"name": "the second version's sum", "as": "ip_adapter/faceid-plusv2",
                      "outputs": lambda: runner(True)(model, inputs)})
    return found


def make(kind):
    about, build, context, shapes, options = CASES[kind]
    model = golden.fill(build(), f"ip_adapter/{kind}")
    projector = {k: v.half() for k, v in model.state_dict().items()}
    model.load_state_dict({k: v.float() for k, v in projector.items()})
    attention = attention_tensors(kind, context, options.get("lora", False))
    checkpoint = {f"image_proj.{k}": v for k, v in projector.items()} | \
        {f"ip_adapter.{k}": v.half() for k, v in attention.items()}
    inputs = {k: golden.random_tensor(shape, f"{kind}/{k}") for k, shape in shapes.items()}
    if options.get("unit"):  # these kinds take face vectors of length one
        inputs["image_embeds"] = torch.nn.functional.normalize(inputs["image_embeds"], dim=-1)
    extra = {}
    if options.get("diffusers", True):
        hold_against_diffusers(kind, model, inputs)
    if kind == "faceid-plus":
        hold_against_diffusers(kind, model, inputs, shortcut=True)
        extra = {"as": "ip_adapter/faceid-plus",
                 "also": [{"as": "ip_adapter/faceid-plusv2", "set": {"s_scale": 0.7},
                           "expected": "expected-plusv2.safetensors"}]}

    def further(folder):
        if kind == "faceid-plus":
            golden.save(runner(True, 0.7)(model, inputs), folder / "expected-plusv2.safetensors")
    golden.write(
        f"ip_adapter/{kind}", script=SCRIPT, about=about, uses=["diffusers"], model=model, run=runner(),
        inputs=inputs, checkpoint=checkpoint, settings={}, extra=extra, native=further,
        inspect={"family": "ip_adapter", "variant": kind, "layout": "published",
                 "config": {"base_model": "sd15"}},
        mutants=mutants_of(kind, model, inputs))


if __name__ == "__main__":
    id_modules.check()
    for case in sys.argv[1:] or CASES:
        make(case)
