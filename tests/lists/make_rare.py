#!/usr/bin/env python3
"""Writes the tensor lists of rare/ and their entries in index.json: what the released models of a library do not have, but
its classes can, so that every row of the tables is held against a name of a reference library.

    python tests/lists/make_rare.py

The models are small, on the meta device. Needs the packages of tests/requirements-reference.txt.
"""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "golden" / "unet"))

import diffusers
import ldm
import open_clip
import torch
from diffusers.models.embeddings import (IPAdapterFaceIDImageProjection, IPAdapterFaceIDPlusImageProjection,
                                         IPAdapterFullImageProjection)
from open_clip.model import CLIP, CustomTextCLIP

DTYPES = {torch.float32: "F32", torch.int64: "I64"}
TEXT = dict(context_length=7, vocab_size=20, width=64, heads=1, layers=2)
TOWER = dict(layers=2, width=64, head_width=64, patch_size=4, image_size=8)
RESNET = dict(layers=[1, 1, 1, 1], width=64, patch_size=None, image_size=64)
UNET = dict(block_out_channels=(32, 64), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), layers_per_block=1, cross_attention_dim=768,
            attention_head_dim=8, sample_size=8)


def clip(model, **vision):
    return model(32, vision, {**TEXT, "ls_init_value": 0.1}, init_logit_bias=-10.0).state_dict()


def original(state):
    """The names of the latent-diffusion code, whose class table is label_emb; the projection of the guidance is diffusers' own."""
    apart = {"class_embedding.weight": "label_emb.weight", "time_embedding.cond_proj.weight": "time_embedding.cond_proj.weight"}
    names = {**apart, **ldm.to_ldm([name for name in state if name not in apart], layers=UNET["layers_per_block"])}
    return {ldm.PREFIX + names[name]: value for name, value in state.items()}


def adapter(projection):
    """A projection of diffusers where a UNet with an adapter holds it, beside the processors of SD 1.5."""
    state = {f"encoder_hid_proj.image_projection_layers.0.{name}": value for name, value in projection.state_dict().items()}
    for line in (HERE / "ip_adapter" / "plus-sd15.diffusers.tsv").read_text().splitlines():
        name, _, shape = line.split("\t")
        if ".processor." in name:
            state[name] = torch.empty([int(size) for size in shape.split(",")])
    return state


def lists():
    """name of the list -> (state dict, how it was made, family)"""
    version = f"open_clip {open_clip.__version__}: "
    yield "clip-layer-scale.open_clip", clip(CLIP, **TOWER, ls_init_value=0.1), version + "CLIP(ls_init_value, init_logit_bias)", "clip"
    yield ("clip-layer-scale.open_clip_custom_text", clip(CustomTextCLIP, **TOWER, ls_init_value=0.1),
           version + "CustomTextCLIP(ls_init_value, init_logit_bias)", "clip")
    yield "clip-resnet.open_clip_custom_text", clip(CustomTextCLIP, **RESNET), version + "CustomTextCLIP of a ResNet", "clip"
    version = f"diffusers {diffusers.__version__}: "
    unet = diffusers.UNet2DConditionModel
    guided = unet(**UNET, time_cond_proj_dim=16).state_dict()
    yield "unet-guidance.diffusers", guided, version + "time_cond_proj_dim", "unet"
    yield "unet-guidance.ldm", original(guided), "the same by the renaming of the original code (golden/unet/ldm.py)", "unet"
    classes = unet(**UNET, num_class_embeds=5).state_dict()
    yield "unet-classes.diffusers", classes, version + "num_class_embeds", "unet"
    yield "unet-classes.ldm", original(classes), "the same by the renaming of the original code (golden/unet/ldm.py)", "unet"
    yield "unet-timestep-classes.diffusers", unet(**UNET, class_embed_type="timestep").state_dict(), version + "class_embed_type", "unet"
    yield ("adapter-full.diffusers", adapter(IPAdapterFullImageProjection(image_embed_dim=1280, cross_attention_dim=768)),
           version + "IPAdapterFullImageProjection", "ip_adapter")
    yield ("adapter-face.diffusers",
           adapter(IPAdapterFaceIDImageProjection(image_embed_dim=512, cross_attention_dim=768, mult=2, num_tokens=16)),
           version + "IPAdapterFaceIDImageProjection", "ip_adapter")
    yield ("adapter-face-plus.diffusers",
           adapter(IPAdapterFaceIDPlusImageProjection(embed_dims=768, output_dims=768, hidden_dims=1280, id_embeddings_dim=512,
                                                      heads=12, depth=4)),
           version + "IPAdapterFaceIDPlusImageProjection", "ip_adapter")


def main():
    index = json.loads((HERE / "index.json").read_text())
    index["lists"] = [entry for entry in index["lists"] if not entry["file"].startswith("rare/")]
    (HERE / "rare").mkdir(exist_ok=True)
    with torch.device("meta"):
        for name, state, made_by, family in lists():
            rows = [(key, DTYPES[value.dtype], ",".join(map(str, value.shape))) for key, value in state.items()]
            (HERE / "rare" / f"{name}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
            index["lists"].append({"file": f"rare/{name}.tsv", "tensors": len(rows), "parameters": sum(x.numel() for x in state.values()),
                                   "made_by": made_by, "inspect": {"family": family, "layout": name.split(".")[1], "buildable": True}})
    (HERE / "index.json").write_text(text_of(index))


def text_of(index):
    """One line for each list."""
    lines = ",\n".join(json.dumps(entry) for entry in index["lists"])
    head = json.dumps({key: value for key, value in index.items() if key != "lists"})[1:-1]
    return "{" + (head + ", " if head else "") + '"lists": [\n' + lines + "\n]}\n"


if __name__ == "__main__":
    main()
