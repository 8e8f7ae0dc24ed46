#!/usr/bin/env python3
"""Goldens of the way from a CLIP vision tower to timm's ViT, as timm itself reads open_clip's names.

    python tests/golden/clip/make_bridge.py
"""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "vit")]
from common import EMBED, VISION, config_of, golden, images
import make_open_clip
import make_timm

import timm
from timm.models.vision_transformer import checkpoint_filter_fn

SCRIPT = "tests/golden/clip/make_bridge.py"
CASES = {"bridge_vit": False, "bridge_vit_quick_gelu": True}


def to_timm(state, quick):
    architecture = f"vit_base_patch32_clip{'_quickgelu' if quick else ''}_224"
    model = timm.create_model(
        architecture, img_size=VISION["image_size"], patch_size=VISION["patch_size"],
        embed_dim=VISION["width"], depth=VISION["layers"],
        num_heads=VISION["width"] // VISION["head_width"], num_classes=EMBED).eval()
    read = checkpoint_filter_fn({k: v.clone() for k, v in state.items()}, model)
    model.load_state_dict(read, strict=True)
    return model


def make(name):
    quick = CASES[name]
    clip = golden.fill(make_open_clip.build(dict(quick_gelu=quick)), f"clip/{name}")
    state = {k: v for k, v in clip.state_dict().items() if k.startswith("visual.")}
    model = to_timm(state, quick)
    inputs = {"pixel_values": images(name)}
    features = clip.encode_image(inputs["pixel_values"]).detach()
    apart = golden.movement(make_timm.run(model, inputs), {"logits": features})
    assert apart["logits"] <= golden.ROUNDING, apart
    config = make_timm.config_of(model)
    hidden = ("num_heads", "norm_eps", "act")
    golden.write(
        f"clip/{name}", script=SCRIPT, about="an open_clip vision tower run as timm's ViT",
        uses=["open-clip-torch", "timm"], model=model, run=make_timm.run, inputs=inputs,
        checkpoint=state,
        inspect={"family": "clip", "variant": "custom", "layout": "open_clip",
                 "config": config_of(VISION, None, EMBED)},
        settings={k: config[k] for k in hidden}, extra={"as": "vit"},
        mutants=[m for m in make_timm.mutants_of(name, model, config, inputs) if "swap" not in m])


if __name__ == "__main__":
    for case in sys.argv[1:] or CASES:
        make(case)
