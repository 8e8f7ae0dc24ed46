#!/usr/bin/env python3
"""Goldens of PhotoMaker's encoders, both versions, in the namings met in the wild.

    python tests/golden/photomaker/make_photomaker.py [CASE...]

The reference is ../id_modules.py on transformers' CLIP tower. Small widths, but for what the format
fixes: 64 wide heads in the tower, 128 wide heads in the second version's resampler.
"""
import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import golden
import hf
import id_modules

import torch
import transformers

SCRIPT = "tests/golden/photomaker/make_photomaker.py"
LENGTH, IMAGE, FACE = 77, 28, 16
TOWER = dict(hidden_size=64, intermediate_size=256, num_attention_heads=1, image_size=IMAGE,
             patch_size=14, hidden_act="quick_gelu", layer_norm_eps=1e-5)
QFORMER = dict(face_width=FACE, tokens=2, depth=1, head_width=128)

# name: (about, version, layout, layers of the tower, folder limit)
CASES = {
    "v1_official": ("a torch file of nested dicts, bfloat16 and float32, storages tagged cuda:0", 1,
                    "official", 1, golden.FOLDER_LIMIT),
    "v1_sdcpp": ("one flat file in stable-diffusion.cpp's spelling", 1, "sdcpp", 1,
                 golden.FOLDER_LIMIT),
    # The second version's fixed head width makes it large.
    "v2_flat": ("one flat file with both prefixes", 2, "flat", 1, 1_000_000),
}


def build(version, layers):
    projection, second = (12, 20) if version == 1 else (48, 80)
    config = transformers.CLIPVisionConfig(num_hidden_layers=layers, projection_dim=projection, **TOWER)
    return id_modules.PhotoMaker(config, second, QFORMER if version == 2 else None)


def in_stored_types(model):
    """{name: tensor as stored}: bfloat16 but for the second projection, norms and biases of MLPs.

    The model's own weights are rounded to what the file holds.
    """
    stored = {}
    for name, tensor in model.state_dict().items():
        single = "visual_projection_2" in name or "norm" in name or name.endswith("fc2.bias")
        stored[name] = tensor.clone() if single else tensor.bfloat16()
    model.load_state_dict({k: v.float() for k, v in stored.items()})
    return stored


def lora():
    """A few of the LoRA's tensors, under the published names."""
    tensors = {}
    for block, width in (("down_blocks.1.attentions.0", 8), ("mid_block.attentions.0", 16)):
        for attention, context in (("attn1", width), ("attn2", 12)):
            for part in ("q", "k", "v", "out"):
                into = context if part in "kv" else width
                root = f"unet.{block}.transformer_blocks.0.{attention}.processor.to_{part}_lora"
                tensors[f"{root}.down.weight"] = golden.random_tensor((4, into), root).bfloat16()
                tensors[f"{root}.up.weight"] = golden.random_tensor((width, 4), root + "u").bfloat16()
    return tensors


def nested(encoder):
    """Writes the torch file; every storage says that it lay on the first CUDA device."""
    def write(folder):
        def cuda_tag(storage):
            return "cuda:0"
        torch.serialization.register_package(1, cuda_tag, lambda storage, location: None)
        try:
            torch.save({"id_encoder": encoder, "lora_weights": lora()}, folder / "checkpoint.bin")
        finally:
            torch.serialization._package_registry[:] = [
                p for p in torch.serialization._package_registry if p[1] is not cuda_tag]
        assert b"cuda:0" in (folder / "checkpoint.bin").read_bytes()
        return "checkpoint.bin"
    return write


def flat(encoder):
    return {f"id_encoder.{k}": v for k, v in encoder.items()} | \
        {f"lora_weights.{k}": v for k, v in lora().items()}


def sdcpp_name(name):
    name = name.replace("vision_model.pre_layrnorm.", "vision_model.pre_layernorm.")
    return f"vision_model.{name}" if name == "visual_projection.weight" else name


def sdcpp(encoder):
    return {sdcpp_name(k): v for k, v in encoder.items()} | lora()


@torch.no_grad()
def run(model, inputs):
    return {"prompt_embeds": model(**inputs | {"class_tokens_mask": inputs["class_tokens_mask"].bool()})}


def inputs_of(name, version):
    width = 32 if version == 1 else 128
    mask = torch.zeros(1, LENGTH, dtype=torch.bool)
    mask[0, 5:5 + (2 if version == 1 else 4)] = True
    inputs = {"id_pixel_values": golden.random_tensor((1, 2, 3, IMAGE, IMAGE), name),
              "prompt_embeds": golden.random_tensor((1, LENGTH, width), name + "/prompt"),
              "class_tokens_mask": mask}
    if version == 2:
        inputs["id_embeds"] = 5 * golden.random_tensor((1, 2, FACE), name + "/faces")
    return inputs


def mutants_of(version, model, inputs, rename):
    found = []

    def add(title, change, **how):
        found.append({"name": title, **how, "outputs": hf.changed(model, run, inputs, change)})

    def add_input(title, change):
        found.append({"name": title, "outputs": lambda: run(model, inputs | change)})

    def swap(title, a, b, kinds=("weight", "bias")):
        pairs = [[f"{a}.{k}", f"{b}.{k}"] for k in kinds]
        add(title, hf.exchange(pairs), swap=[[rename(x) for x in pair] for pair in pairs])

    def no_residual(m):
        m.fuse_module.mlp2.residual = False

    add("exact GELU in the tower", hf.set_act(torch.nn.GELU), set={"hidden_act": "gelu"})
    add("32 wide heads in the tower", hf.set_heads(2), set={"num_attention_heads": 2})
    add("no residual in the second MLP", no_residual)
    add("the last norm lost", hf.lose("fuse_module.layer_norm"), lost="fuse_module.layer_norm")
    swap("the layers of the second MLP swapped", "fuse_module.mlp2.fc1", "fuse_module.mlp2.fc2")
    add_input("images exchanged", {"id_pixel_values": inputs["id_pixel_values"].flip(1)})
    if version == 1:
        swap("norms before and after the tower swapped", "vision_model.pre_layrnorm",
             "vision_model.post_layernorm")

        def other_order(m):
            first, second = m.visual_projection, m.visual_projection_2
            whole = torch.cat([second.weight, first.weight])
            first.weight = torch.nn.Parameter(whole[:len(first.weight)])
            second.weight = torch.nn.Parameter(whole[len(first.weight):])
        add("the projections joined in the other order", other_order)
    else:
        resampler = "qformer_perceiver.perceiver_resampler"
        swap("the perceiver's two norms swapped", f"{resampler}.layers.0.0.norm1",
             f"{resampler}.layers.0.0.norm2")
        swap("query and output of the perceiver swapped", f"{resampler}.layers.0.0.to_q",
             f"{resampler}.layers.0.0.to_out", ("weight",))

        def halves(m):
            kv = m.qformer_perceiver.perceiver_resampler.layers[0][0].to_kv.weight
            kv.copy_(torch.cat(kv.chunk(2)[::-1]))

        def heads(m):
            m.qformer_perceiver.perceiver_resampler.layers[0][0].heads = 2

        def own_lost(m):
            m.qformer_perceiver.forward = lambda faces, features: own_forward(m, faces, features)
        add("key and value of the perceiver swapped", no_grad(halves))
        add("64 wide heads in the perceiver", heads, set={"qformer_heads": 2})
        add("the face's own tokens not added", own_lost)
        add_input("faces of unit length", {"id_embeds": torch.nn.functional.normalize(
            inputs["id_embeds"], dim=-1)})
    return found


def no_grad(change):
    def changed(model):
        with torch.no_grad():
            change(model)
    return changed


def own_forward(model, faces, features):
    former = model.qformer_perceiver
    own = former.token_norm(former.token_proj(faces).unflatten(-1, (former.tokens, -1)))
    return former.perceiver_resampler(own, features)


def make(name):
    about, version, layout, layers, limit = CASES[name]
    model = golden.fill(build(version, layers), f"photomaker/{name}")
    encoder = in_stored_types(model)
    inputs = inputs_of(name, version)
    form = {"official": nested, "flat": flat, "sdcpp": sdcpp}[layout]
    rename = {"official": lambda n: f"id_encoder.{n}", "flat": lambda n: f"id_encoder.{n}",
              "sdcpp": sdcpp_name}[layout]
    golden.write(
        f"photomaker/{name}", script=SCRIPT, about=about, uses=["transformers"], model=model, run=run,
        inputs=inputs, checkpoint=form(copy.deepcopy(encoder)), settings={}, limit=limit,
        inspect={"family": "photomaker", "variant": f"v{version}", "layout": layout, "config": {}},
        mutants=mutants_of(version, model, inputs, rename))


if __name__ == "__main__":
    id_modules.check()
    for case in sys.argv[1:] or CASES:
        make(case)
