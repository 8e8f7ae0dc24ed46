#!/usr/bin/env python3
"""Goldens of diffusers' UNets: every variant of tenon's in a small config, layouts diffusers and ldm.

The weights are rounded to float16 first and stored so, but for one float32 file; the outputs are
float32. The LDM names are made by ldm.py and read back by diffusers' own converter; for SVD, which
that library cannot convert, only the spatial part is. SVD's original code has another epsilon in
its residual blocks than diffusers: the ldm golden's outputs are computed with the original's.
diffusers fixes SVD's norms to 32 groups; with as few channels as here a group would be one channel
and hide the time embedding, so the class is built with SVD_GROUPS groups (`norm_num_groups`).

    python tests/golden/unet/make_diffusers.py [VARIANT...]
"""
import contextlib
import copy
import json
import re
import sys
import unittest.mock
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]
import golden
import ldm

import torch
from diffusers import UNet2DConditionModel, UNetSpatioTemporalConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from diffusers.models.resnet import ResnetBlock2D, TemporalResnetBlock

SCRIPT = "tests/golden/unet/make_diffusers.py"
TEXT_WIDTH, ID_WIDTH = 12, 8  # of the added conditioning
SVD_GROUPS = 4

COMMON = dict(sample_size=8, in_channels=4, out_channels=4, norm_num_groups=4, layers_per_block=1,
              block_out_channels=(8, 16), cross_attention_dim=12,
              down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
              up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
SD1 = dict(COMMON, attention_head_dim=2)
SD1_DEEP = dict(SD1, layers_per_block=2, block_out_channels=(4, 8, 8), norm_num_groups=2,
                down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"))
SD2 = dict(COMMON, attention_head_dim=[2, 4], use_linear_projection=True)
SDXL = dict(COMMON, block_out_channels=(8, 8, 16), attention_head_dim=[2, 2, 4],
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            use_linear_projection=True, transformer_layers_per_block=[1, 1, 2],
            addition_embed_type="text_time", addition_time_embed_dim=ID_WIDTH,
            projection_class_embeddings_input_dim=TEXT_WIDTH + 6 * ID_WIDTH)
REFINER = dict(SDXL, block_out_channels=(8, 16, 16), attention_head_dim=[2, 4, 4],
               down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
               up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
               transformer_layers_per_block=2,
               projection_class_embeddings_input_dim=TEXT_WIDTH + 5 * ID_WIDTH)
SSD = dict(SDXL, layers_per_block=2, block_out_channels=(4, 8, 8), attention_head_dim=[1, 2, 2],
           norm_num_groups=2,
           mid_block_type="UNetMidBlock2D", transformer_layers_per_block=[1, [1, 1], [2, 2]],
           reverse_transformer_layers_per_block=[[2, 2, 3], [2, 1, 1], 1])
VEGA = dict(SSD, reverse_transformer_layers_per_block=[[2, 2, 2], [1, 1, 1], 1])
SVD = dict(sample_size=8, in_channels=8, out_channels=4, block_out_channels=(8, 16),
           down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
           up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
           addition_time_embed_dim=ID_WIDTH, projection_class_embeddings_input_dim=3 * ID_WIDTH,
           layers_per_block=1, cross_attention_dim=12, transformer_layers_per_block=1,
           num_attention_heads=[2, 4], num_frames=3)

# variant: (about, class, config, options)
VARIANTS = {
    "sd1": ("SD 1: 1x1 convolutions around the transformers, a fixed head count",
            UNet2DConditionModel, SD1_DEEP, dict(ldm=dict(num_heads=2))),
    "sd1_fp32": ("SD 1 in float32", UNet2DConditionModel, SD1, dict(single=True)),
    "sd1_in8": ("SD 1 with the eight channels of instruct-pix2pix", UNet2DConditionModel,
                dict(SD1, in_channels=8), {}),
    "sd1_in9": ("SD 1 with the nine channels of inpainting", UNet2DConditionModel,
                dict(SD1, in_channels=9), {}),
    "sd1_eps": ("first convolution so small that eps 1e-5 of the residual blocks shows",
                UNet2DConditionModel, SD1, dict(weak=True)),
    "sd2": ("SD 2: linear layers around the transformers, heads by level", UNet2DConditionModel, SD2,
            dict(ldm=dict(num_head_channels=4))),
    "sdxl": ("SDXL: text_embeds and time_ids, no attention on the first level", UNet2DConditionModel,
             SDXL, dict(ldm=dict(num_head_channels=4))),
    "sdxl_refiner": ("SDXL's refiner: five ids, no attention on the last level", UNet2DConditionModel, REFINER,
                     dict(ldm=dict(num_head_channels=4))),
    "ssd_1b": ("SSD-1B: one residual block in the middle, depth by block", UNet2DConditionModel, SSD,
               dict(ldm={})),
    "vega": ("Vega: as SSD-1B with other depths", UNet2DConditionModel, VEGA, dict(ldm={})),
    "svd": ("Stable Video Diffusion", UNetSpatioTemporalConditionModel, SVD,
            dict(ldm=dict(num_head_channels=4), weak=True)),
    "svd_stills": ("Stable Video Diffusion of clips with single images in them",
                   UNetSpatioTemporalConditionModel, SVD, dict(weak=True)),
}


def construct(kind, config):
    if kind is UNet2DConditionModel:
        return kind(**config)
    group_norm = torch.nn.GroupNorm

    def fewer_groups(num_groups, num_channels, **more):
        return group_norm(SVD_GROUPS, num_channels, **more)
    with unittest.mock.patch("torch.nn.GroupNorm", fewer_groups):
        return kind(**config)


def build(name):
    _, kind, config, options = VARIANTS[name]
    small = (r"^conv_in\.",) if options.get("weak") else ()
    model = golden.fill(construct(kind, config), f"unet/{name}", small=small)
    if not options.get("single"):
        for tensor in model.state_dict().values():
            tensor.copy_(tensor.half().float())
    return model


def inputs_of(name, config):
    video = name.startswith("svd")
    size, context = COMMON["sample_size"], config["cross_attention_dim"]
    shape = (2, 3, config["in_channels"], size, size) if video else (2, config["in_channels"], size, size)
    inputs = {
        "sample": golden.random_tensor(shape, f"{name}/sample"),
        "timestep": torch.tensor([1.25, -0.5]) if video else torch.tensor([7, 613]),
        "encoder_hidden_states": golden.random_tensor((2, 1 if video else 5, context),
                                                      f"{name}/context"),
    }
    if video:
        inputs["added_time_ids"] = torch.tensor([[6.0, 127.0, 0.02], [11.0, 30.0, 0.1]])
    if name == "svd_stills":
        inputs["image_only_indicator"] = torch.tensor([[True, False, False], [False, True, True]])
    if config.get("addition_embed_type"):
        count = (config["projection_class_embeddings_input_dim"] - TEXT_WIDTH) // ID_WIDTH
        ids = torch.tensor([[512.0, 384.0, 0.0, 16.0, 640.0, 512.0],
                            [1024.0, 768.0, 32.0, 0.0, 6.0, 1024.0]])
        inputs["time_ids"] = ids[:, :count].contiguous()
        inputs["text_embeds"] = golden.random_tensor((2, TEXT_WIDTH), f"{name}/text")
    return inputs


@torch.no_grad()
def run(model, inputs):
    call = dict(sample=inputs["sample"], timestep=inputs["timestep"],
                encoder_hidden_states=inputs["encoder_hidden_states"])
    if "added_time_ids" in inputs:
        call["added_time_ids"] = inputs["added_time_ids"]
    if "time_ids" in inputs:
        call["added_cond_kwargs"] = {k: inputs[k] for k in ("text_embeds", "time_ids")}
    with still_images(model, inputs.get("image_only_indicator")):
        return {"sample": model(**call).sample}


@contextlib.contextmanager
def still_images(model, indicator):
    """diffusers' model tells every block that no frame is a single image; within this they hear otherwise."""
    def tell(_, args, kwargs):
        return args, kwargs | {"image_only_indicator": indicator}
    blocks = [] if indicator is None else [*model.down_blocks, model.mid_block, *model.up_blocks]
    hooks = [block.register_forward_pre_hook(tell, with_kwargs=True) for block in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def mutants_of(name, model, inputs, config, rename):
    """rename: diffusers name -> name in the file."""
    found = []
    video = name.startswith("svd")

    def add(title, change, **how):
        def outputs():
            twin = copy.deepcopy(model)
            with torch.no_grad():
                change(twin)
            return run(twin, inputs)
        found.append({"name": title, **how, "outputs": outputs})

    def add_input(title, change):
        """A wrong use of the inputs; `change` returns the inputs that amount to it."""
        found.append({"name": title, "outputs": lambda: run(model, change(dict(inputs)))})

    def swap(title, a, b, kinds=("weight", "bias")):
        pairs = [[f"{a}.{k}" if k else a, f"{b}.{k}" if k else b] for k in kinds]
        add(title, lambda m: m.load_state_dict(golden.swapped(m.state_dict(), pairs)),
            swap=[[rename(x) for x in pair] for pair in pairs])

    def heads(factor):
        def change(m):
            for module in m.modules():
                if type(module).__name__ == "Attention":
                    module.heads *= factor
        return change

    key = "num_attention_heads" if video else "attention_head_dim"
    given = config[key]
    twice = given * 2 if isinstance(given, int) else [2 * h for h in given]
    add("twice the heads", heads(2), set={key: twice})
    block = re.match(r"(.*transformer_blocks\.0)\.", next(
        n for n in model.state_dict() if ".transformer_blocks.0." in n))[1]
    swap("two norms of a transformer block swapped", f"{block}.norm1", f"{block}.norm2")
    swap("query and key of self-attention swapped", f"{block}.attn1.to_q", f"{block}.attn1.to_k",
         ("weight",))
    resnet = "up_blocks.0.resnets.0" + (".spatial_res_block" if video else "")
    swap("weight and bias of a residual block's norm swapped", f"{resnet}.norm2.weight",
         f"{resnet}.norm2.bias", ("",))

    def sine_first(m):
        m.time_proj.flip_sin_to_cos = False
    add("sine before cosine in the timestep's embedding", sine_first)

    def swap_gate(m):
        for module in m.modules():
            if type(module).__name__ == "GEGLU":
                halves = module.proj.weight.chunk(2)
                module.proj.weight.copy_(torch.cat(halves[::-1]))
                module.proj.bias.copy_(torch.cat(module.proj.bias.chunk(2)[::-1]))
    add("value and gate of GEGLU swapped", swap_gate)
    given_groups = config["norm_num_groups"]

    def groups(m):
        for module in m.modules():
            if isinstance(module, torch.nn.GroupNorm):
                module.num_groups = given_groups // 2
    add("half the norm groups", groups, set={"norm_num_groups": given_groups // 2})
    if name.endswith("eps"):
        def eps(value):
            def change(m):
                for module in m.modules():
                    if isinstance(module, ResnetBlock2D):
                        module.norm1.eps = module.norm2.eps = value
            return change
        add("eps 1e-6 in the residual blocks", eps(1e-6), set={"norm_eps": 1e-6})
        add("eps 1e-4 in the residual blocks", eps(1e-4), set={"norm_eps": 1e-4})

        def group_norm(m):
            for module in m.modules():
                if type(module).__name__ == "Transformer2DModel":
                    module.norm.eps = 1e-2
        add("a large eps in the transformers' first norm", group_norm)
    if video:
        add("the other layout's eps in the residual blocks",
            use_diffusers_eps if name == "svd_original" else use_original_eps)

        def mixed(m):
            for key, tensor in m.state_dict().items():
                if key.endswith("mix_factor"):
                    tensor.neg_()
        add("spatial and temporal halves mixed the other way", mixed)
        add_input("frames reversed in time", lambda i: i | {"sample": i["sample"].flip(1)})
        add_input("the items' contexts exchanged",
                  lambda i: i | {"encoder_hidden_states": i["encoder_hidden_states"].flip(0)})
        if "image_only_indicator" in inputs:
            add_input("no frame is a single image",
                      lambda i: {k: v for k, v in i.items() if k != "image_only_indicator"})
        add_input("added ids in another order",
                  lambda i: i | {"added_time_ids": i["added_time_ids"].flip(1)})
    if "time_ids" in inputs:
        add_input("time_ids in another order",
                  lambda i: i | {"time_ids": i["time_ids"].roll(1, dims=1)})
        add_input("text_embeds ignored",
                  lambda i: i | {"text_embeds": torch.zeros_like(i["text_embeds"])})
        swap("time and added embedding swapped", "time_embedding.linear_2", "add_embedding.linear_2")
    return found


def resnet_norms(model):
    for module in model.modules():
        if isinstance(module, (ResnetBlock2D, TemporalResnetBlock)):
            yield module.norm1
            yield module.norm2


def use_original_eps(model):
    for norm in resnet_norms(model):
        norm.eps = 1e-5


def use_diffusers_eps(model):
    for (_, there), (_, here) in zip(
            construct(UNetSpatioTemporalConditionModel, SVD).named_modules(), model.named_modules()):
        if isinstance(here, (ResnetBlock2D, TemporalResnetBlock)):
            here.norm1.eps, here.norm2.eps = there.norm1.eps, there.norm2.eps


def to_ldm(model, config):
    """({diffusers name: file name}, the file's tensors), held against diffusers' own converter."""
    state = model.state_dict()
    names = {k: ldm.PREFIX + v for k, v in ldm.to_ldm(list(state), config["layers_per_block"]).items()}
    tensors = {names[k]: v.half() for k, v in state.items()}
    temporal = re.compile(r"\.time_stack\.|\.time_mixer\.|\.time_pos_embed\.")
    image_part = {k: v for k, v in tensors.items() if not temporal.search(k)}
    wanted = {k.replace(".spatial_res_block", ""): v for k, v in state.items()
              if not re.search(r"temporal_|time_mixer|time_pos_embed", k)}
    reading = dict(model.config)
    if "projection_class_embeddings_input_dim" in config:
        reading["addition_embed_type"] = "text_time"
    read = convert_ldm_unet_checkpoint(dict(image_part), reading)
    assert {k: v.shape for k, v in read.items()} == {k: v.shape for k, v in wanted.items()}
    assert all(torch.equal(read[k], wanted[k].half()) for k in wanted)
    return names, tensors


def decided(model, config):
    """Config values that names and shapes decide, in diffusers' words."""
    keys = ["in_channels", "out_channels", "block_out_channels", "layers_per_block",
            "cross_attention_dim", "down_block_types", "up_block_types"]
    shown = {k: config[k] for k in keys}
    if isinstance(model, UNet2DConditionModel):
        shown["use_linear_projection"] = config.get("use_linear_projection", False)
    for key in ("addition_embed_type", "projection_class_embeddings_input_dim", "mid_block_type"):
        if key in config:
            shown[key] = config[key]
    return json.loads(json.dumps(shown))


@torch.no_grad()
def make(name):
    about, _, config, options = VARIANTS[name]
    model = build(name)
    config = dict(config, _class_name=type(model).__name__)
    config.setdefault("transformer_layers_per_block", 1)
    config.setdefault("norm_num_groups", SVD_GROUPS)
    inputs = inputs_of(name, config)
    video = name.startswith("svd")
    hidden = ["num_attention_heads" if video else "attention_head_dim", "norm_num_groups"]
    if "projection_class_embeddings_input_dim" in config:
        hidden.append("addition_time_embed_dim")
    state = model.state_dict()
    forms = {"diffusers": (lambda n: n, {k: v if options.get("single") else v.half()
                                         for k, v in state.items()})}
    if "ldm" in options:
        names, tensors = to_ldm(model, config)
        forms["ldm"] = (names.__getitem__, tensors)
    for layout, (rename, tensors) in forms.items():
        of_layout, case = model, name
        if video and layout == "ldm":
            of_layout, case = copy.deepcopy(model), "svd_original"
            use_original_eps(of_layout)

        def native(folder, layout=layout):
            if layout == "ldm" and options["ldm"]:  # the YAML has no words for depths by block
                (folder / "config.yaml").write_text(ldm.yaml_of(config, options["ldm"]))
            elif layout == "diffusers":
                model.save_config(folder)
        golden.write(
            f"unet/{name}_{layout}", script=SCRIPT, about=about, uses=["diffusers"], model=of_layout,
            run=run, inputs=inputs, checkpoint=tensors,
            inspect={"family": "unet", "variant": "custom", "layout": layout,
                     "config": decided(model, config)},
            settings={k: config[k] for k in hidden}, native=native,
            mutants=mutants_of(case, of_layout, inputs, config, rename))


if __name__ == "__main__":
    for variant in sys.argv[1:] or VARIANTS:
        make(variant)
