#!/usr/bin/env python3
"""Small checkpoints of the ID encoders' families, with random weights in the released names.

    identity.py make FOLDER     PhotoMaker v1 and v2, an adapter as a training script saves it, two UNets, inputs
    identity.py join FOLDER     the inputs of a UNet with an adapter
    identity.py compare FOLDER  what the adapter changed
"""
import array
import json
import random
import struct
import sys
from math import prod, sqrt
from pathlib import Path

TOWER, PATCH, GRID, CROSS, FACE = 64, 14, 2, 128, 16  # CLIP tower; width of the prompt; width of a face vector
CHANNELS, GROUPS = (8, 16), 4                         # the UNet: two levels, the first attends


def write(path, shapes, seed):
    """A safetensors file of F32: matrices about 1 / sqrt(inputs), norms about one, biases about zero."""
    values, header, offset, content = random.Random(seed), {}, 0, bytearray()
    for name, shape in sorted(shapes.items()):
        inputs = prod(shape[1:]) if len(shape) > 1 else 0
        scale, centre = (1 / sqrt(inputs), 0) if inputs else (0.1, float("norm" in name and name.endswith("weight")))
        data = array.array("f", (centre + scale * values.uniform(-1, 1) for _ in range(prod(shape)))).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        content += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def linear(name, outputs, inputs, bias=True):
    return {f"{name}.weight": [outputs, inputs]} | ({f"{name}.bias": [outputs]} if bias else {})


def norm(name, width):
    return {f"{name}.weight": [width], f"{name}.bias": [width]}


def tower():
    v = "vision_model."
    shapes = {f"{v}embeddings.class_embedding": [TOWER], f"{v}embeddings.patch_embedding.weight": [TOWER, 3, PATCH, PATCH],
              f"{v}embeddings.position_embedding.weight": [GRID * GRID + 1, TOWER]}
    layer = f"{v}encoder.layers.0."
    for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
        shapes |= linear(f"{layer}self_attn.{part}", TOWER, TOWER)
    shapes |= linear(f"{layer}mlp.fc1", 2 * TOWER, TOWER) | linear(f"{layer}mlp.fc2", TOWER, 2 * TOWER)
    for name in (f"{v}pre_layrnorm", f"{layer}layer_norm1", f"{layer}layer_norm2", f"{v}post_layernorm"):
        shapes |= norm(name, TOWER)
    return shapes


def perceiver(name, width, features, outputs):
    first = f"{name}.layers.0."
    shapes = linear(f"{name}.proj_in", width, features) | linear(f"{name}.proj_out", outputs, width) | norm(f"{name}.norm_out", outputs)
    shapes |= norm(f"{first}0.norm1", width) | norm(f"{first}0.norm2", width) | norm(f"{first}1.0", width)
    shapes |= {f"{first}0.to_q.weight": [width, width], f"{first}0.to_kv.weight": [2 * width, width],
               f"{first}0.to_out.weight": [width, width], f"{first}1.1.weight": [4 * width, width], f"{first}1.3.weight": [width, 4 * width]}
    return shapes


def photomaker(version):
    shapes = tower() | linear("visual_projection", 48, TOWER, bias=False) | linear("visual_projection_2", CROSS - 48, TOWER, bias=False)
    for mlp, inputs in (("mlp1", 2 * CROSS), ("mlp2", CROSS)):
        name = f"fuse_module.{mlp}"
        shapes |= norm(f"{name}.layernorm", inputs) | linear(f"{name}.fc1", CROSS, inputs) | linear(f"{name}.fc2", CROSS, CROSS)
    shapes |= norm("fuse_module.layer_norm", CROSS)
    if version == 2:
        shapes |= linear("qformer_perceiver.token_proj.0", 2 * FACE, FACE) | linear("qformer_perceiver.token_proj.2", 2 * CROSS, 2 * FACE)
        shapes |= norm("qformer_perceiver.token_norm", CROSS) | perceiver("qformer_perceiver.perceiver_resampler", CROSS, TOWER, CROSS)
    return {f"id_encoder.{name}": shape for name, shape in shapes.items()}


def transformer(name, width, context):
    block = f"{name}.transformer_blocks.0."
    shapes = norm(f"{name}.norm", width) | norm(f"{block}norm1", width) | norm(f"{block}norm2", width) | norm(f"{block}norm3", width)
    for part in ("proj_in", "proj_out"):
        shapes |= {f"{name}.{part}.weight": [width, width, 1, 1], f"{name}.{part}.bias": [width]}
    for attention, inputs in (("attn1", width), ("attn2", context)):
        for part in ("to_q", "to_k", "to_v"):
            shapes[f"{block}{attention}.{part}.weight"] = [width, width if part == "to_q" else inputs]
        shapes |= linear(f"{block}{attention}.to_out.0", width, width)
    return shapes | linear(f"{block}ff.net.0.proj", 8 * width, width) | linear(f"{block}ff.net.2", width, 4 * width)


def conv(name, outputs, inputs, size=3):
    return {f"{name}.weight": [outputs, inputs, size, size], f"{name}.bias": [outputs]}


def resnet(name, inputs, outputs):
    shapes = norm(f"{name}.norm1", inputs) | conv(f"{name}.conv1", outputs, inputs) | linear(f"{name}.time_emb_proj", outputs, 4 * CHANNELS[0])
    shapes |= norm(f"{name}.norm2", outputs) | conv(f"{name}.conv2", outputs, outputs)
    return shapes | (conv(f"{name}.conv_shortcut", outputs, inputs, 1) if inputs != outputs else {})


def unet(context):
    low, high = CHANNELS
    shapes = conv("conv_in", low, 4) | linear("time_embedding.linear_1", 4 * low, low) | linear("time_embedding.linear_2", 4 * low, 4 * low)
    shapes |= resnet("down_blocks.0.resnets.0", low, low) | transformer("down_blocks.0.attentions.0", low, context)
    shapes |= conv("down_blocks.0.downsamplers.0.conv", low, low) | resnet("down_blocks.1.resnets.0", low, high)
    shapes |= resnet("mid_block.resnets.0", high, high) | resnet("mid_block.resnets.1", high, high)
    shapes |= transformer("mid_block.attentions.0", high, context)
    for i, skip in enumerate((high, low)):
        shapes |= resnet(f"up_blocks.0.resnets.{i}", high + skip, high)
    shapes |= conv("up_blocks.0.upsamplers.0.conv", high, high)
    for i, inputs in enumerate((high + low, low + low)):
        shapes |= resnet(f"up_blocks.1.resnets.{i}", inputs, low) | transformer(f"up_blocks.1.attentions.{i}", low, context)
    return shapes | norm("conv_norm_out", low) | conv("conv_out", 4, low)


def training(context):
    """A base adapter in the names of the training scripts, numbered in the order of the attentions: down, up, middle."""
    shapes = linear("image_proj_model.proj", 4 * context, 20) | norm("image_proj_model.norm", context)
    for number, width in ((1, CHANNELS[0]), (3, CHANNELS[0]), (5, CHANNELS[0]), (7, CHANNELS[1])):
        for kind in ("k", "v"):
            shapes[f"adapter_modules.{number}.to_{kind}_ip.weight"] = [width, context]
    return shapes


def main(folder):
    write(folder / "photomaker-v1.safetensors", photomaker(1), 1)
    write(folder / "photomaker-v2.safetensors", photomaker(2), 2)
    write(folder / "unet.safetensors", unet(CROSS), 3)
    write(folder / "other-unet.safetensors", unet(CROSS // 2), 4)
    write(folder / "training.safetensors", training(CROSS), 5)
    write(folder / "embeds.safetensors", {"image_embeds": [1, 20]}, 6)
    write(folder / "noise.safetensors", {"sample": [1, 4, 4, 4], "timestep": [1], "encoder_hidden_states": [1, 5, CROSS]}, 7)


def read(path):
    content = path.read_bytes()
    length = struct.unpack_from("<Q", content)[0]
    return json.loads(content[8:8 + length]), content[8 + length:]


def join(folder):
    """noise.safetensors with the tokens of tokens.safetensors, as inputs of a UNet with an adapter."""
    header, content = read(folder / "noise.safetensors")
    tokens, values = read(folder / "tokens.safetensors")
    entry = tokens["ip_tokens"]
    header["ip_tokens"] = entry | {"data_offsets": [len(content), len(content) + len(values)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "inputs.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + content + values)


def compare(folder):
    """How far the adapter moves the UNet's answer."""
    plain, adapted = (array.array("f", read(folder / name)[1]) for name in ("plain.safetensors", "adapted.safetensors"))
    largest = max(map(abs, plain))
    moved = max(abs(a - b) for a, b in zip(plain, adapted))
    print(f"largest output {largest:.3f}; the adapter moves an output by up to {moved:.3f}")
    sys.exit(0 if moved > 1e-3 * largest else 1)


if __name__ == "__main__":
    {"make": main, "join": join, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
