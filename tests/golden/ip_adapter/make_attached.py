#!/usr/bin/env python3
"""Goldens of a UNet with an IP-Adapter attached, and the same adapter in the other layouts.

    python tests/golden/ip_adapter/make_attached.py [CASE...]

The UNets have the topologies of SD 1 and SDXL in small widths (SDXL with fewer transformer blocks). Each
folder holds the UNet as checkpoint.safetensors and the adapter beside it; the run is

    tenon run checkpoint.safetensors --with adapter=adapter.safetensors

diffusers attaches the adapter; a FaceID adapter's LoRA, which diffusers leaves to another library, is
added into the weights that it belongs to. Beside the base adapter lie `training.safetensors`, as training
scripts write it, and `resaved.safetensors`, diffusers' UNet saved with the adapter inside: all three hold
the same adapter.
"""
import copy
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]
import golden
import id_modules
from make_projectors import CONTEXT, attention_tensors

import torch
from diffusers import UNet2DConditionModel

SCRIPT = "tests/golden/ip_adapter/make_attached.py"
SD1 = dict(
    sample_size=8, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=(4, 8, 8, 8),
    down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3, cross_attention_dim=CONTEXT,
    attention_head_dim=2, norm_num_groups=2)
SDXL = dict(
    sample_size=8, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=(4, 8, 16),
    down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
    up_block_types=("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",), transformer_layers_per_block=(1, 1, 2),
    cross_attention_dim=CONTEXT, attention_head_dim=(1, 2, 4), norm_num_groups=2, use_linear_projection=True,
    addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=6 + 6 * 4)
SCALE = 0.6


def image_projection():
    return id_modules.ImageProjection(20, 4, CONTEXT)


def resampler():
    return id_modules.Resampler(64, 1, 64, 1, 6, 20, CONTEXT)


# case: (about, UNet, projector, image tokens, whether the adapter has a LoRA)
CASES = {
    "attached-base": ("a base adapter on an SD 1 UNet", SD1, image_projection, 4, False),
    "attached-plus": ("a plus adapter on an SD 1 UNet", SD1, resampler, 6, False),
    "attached-faceid": ("a FaceID adapter with its LoRA on an SD 1 UNet", SD1,
                        lambda: id_modules.FaceProjection(512, 16, 4, CONTEXT), 4, True),
    "attached-sdxl": ("a base adapter on an SDXL UNet", SDXL, image_projection, 4, False),
}


def halved(state):
    return {k: v.half().float() for k, v in state.items()}


def attentions(unet):
    """The attentions in the published order: down, up, mid, each self before cross."""
    return [name.removesuffix(".processor") for name in unet.attn_processors]


def widths(unet):
    return [unet.get_submodule(path).to_q.out_features for path in attentions(unet)]


class Given(torch.nn.Module):
    """In the projector's place: passes the tokens on."""

    def forward(self, tokens):
        return tokens


def attach(unet, projector, adapter, lora):
    """A copy of the UNet with the adapter; lora: whether its LoRA is added into the weights."""
    made = copy.deepcopy(unet)
    if lora:
        for n, path in enumerate(attentions(unet)):
            module = made.get_submodule(path)
            for part in ("q", "k", "v", "out"):
                layer = module.to_out[0] if part == "out" else getattr(module, f"to_{part}")
                layer.weight.add_(adapter[f"{n}.to_{part}_lora.up.weight"]
                                  @ adapter[f"{n}.to_{part}_lora.down.weight"])
    # diffusers wants FaceID's hidden width in whole 512s and a resampler's depth of four; any projector
    # serves there, since the tokens are given.
    read = projector if "proj.weight" in projector else image_projection().state_dict()
    made._load_ip_adapter_weights([{"image_proj": read, "ip_adapter": adapter}], low_cpu_mem_usage=False)
    return made.eval()


def with_tokens(model):
    twin = copy.deepcopy(model)
    twin.encoder_hid_proj = Given()
    return twin


@torch.no_grad()
def run(model, inputs):
    for processor in model.attn_processors.values():
        if hasattr(processor, "to_k_ip"):
            processor.scale = [inputs["ip_scale"].item()]
    added = {k: inputs[k] for k in ("text_embeds", "time_ids") if k in inputs}
    return {"sample": model(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"],
                            added_cond_kwargs=added | {"image_embeds": [inputs["ip_tokens"]]}).sample}


def inputs_of(case):
    _, config, _, tokens, _ = CASES[case]
    inputs = {
        "sample": golden.random_tensor((2, 4, 8, 8), case),
        "timestep": torch.tensor([7, 613]),
        "encoder_hidden_states": golden.random_tensor((2, 5, CONTEXT), f"{case}/context"),
        "ip_tokens": golden.random_tensor((2, tokens, CONTEXT), f"{case}/tokens"),
        "ip_scale": torch.tensor([SCALE]),
    }
    if config is SDXL:
        inputs["text_embeds"] = golden.random_tensor((2, 6), f"{case}/pooled")
        inputs["time_ids"] = torch.tensor([[64, 64, 0, 0, 64, 64], [64, 48, 8, 0, 64, 64]]).float()
    return inputs


def wrongly_numbered(adapter, unet):
    """The usual mistake: numbered down, mid, up. Tensors whose shape forbids it stay."""
    right = attentions(unet)
    wrong_order = sorted(right, key=lambda path: ("down_blocks", "mid_block", "up_blocks").index(path.split(".")[0]))
    wrong = {}
    for name, tensor in adapter.items():
        n, rest = name.split(".", 1)
        other = adapter.get(f"{wrong_order.index(right[int(n)])}.{rest}", tensor)
        wrong[name] = other if other.shape == tensor.shape else tensor
    return wrong


def mutants_of(unet, projector, adapter, lora, inputs):
    found = []

    def add(title, outputs, **how):
        found.append({"name": title, **how, "outputs": outputs})

    def attached(changed, with_lora=lora):
        return lambda: run(with_tokens(attach(unet, projector, changed, with_lora)), inputs)

    def exchanged(title, pairs):
        add(title, attached(golden.swapped(adapter, pairs)),
            swap_in={"adapter": [[f"ip_adapter.{x}" for x in pair] for pair in pairs]})

    right = with_tokens(attach(unet, projector, adapter, lora))
    add("scale one", lambda: run(right, inputs | {"ip_scale": torch.tensor([1.0])}), inputs={"ip_scale": [1.0]})
    add("the tokens ignored", lambda: run(right, inputs | {"ip_scale": torch.tensor([0.0])}), inputs={"ip_scale": [0.0]})
    add("numbered down, mid, up", attached(wrongly_numbered(adapter, unet)))
    last = len(widths(unet)) - 1
    first_up = next(n for n, path in enumerate(attentions(unet)) if path.startswith("up_") and path.endswith("attn2"))
    exchanged("the middle attention and the first of the up blocks swapped",
              [[f"{last}.to_{x}_ip.weight", f"{first_up}.to_{x}_ip.weight"] for x in "kv"])
    exchanged("key and value of the last attention swapped", [[f"{last}.to_k_ip.weight", f"{last}.to_v_ip.weight"]])
    if lora:
        add("the LoRA left out", attached(adapter, False), set={"adapter_lora": "ignore"})
    return found


def training_file(unet, projector, adapter):
    """What the training scripts save: the frozen UNet, its processors, and both parts of the adapter."""
    tensors = {f"unet.{k}": v for k, v in unet.state_dict().items()}
    tensors |= {f"image_proj_model.{k}": v for k, v in projector.items()}
    tensors |= {f"adapter_modules.{k}": v for k, v in adapter.items()}
    for n, path in enumerate(attentions(unet)):
        for name, value in adapter.items():
            if name.startswith(f"{n}."):
                tensors[f"unet.{path}.processor.{name.split('.', 1)[1]}"] = value
    return tensors


@torch.no_grad()
def make(case):
    about, config, build, tokens, lora = CASES[case]
    unet = golden.fill(UNet2DConditionModel(**config), "ip_adapter/unet" if config is SD1 else f"ip_adapter/{case}/unet")
    unet.load_state_dict(halved(unet.state_dict()))
    projector = halved(golden.fill(build(), f"ip_adapter/{case}").state_dict())
    adapter = halved(attention_tensors(case, CONTEXT, lora, widths(unet)))
    inputs = inputs_of(case)
    model = attach(unet, projector, adapter, lora)

    if build is image_projection:
        # The projector's tokens, passed on, are what diffusers computes from the embedding.
        own = build().eval()
        own.load_state_dict(projector)
        embeds = golden.random_tensor((2, 20), case)
        whole = run(model, inputs | {"ip_tokens": embeds[:, None]})
        passed_on = run(with_tokens(model), inputs | {"ip_tokens": own(embeds)})
        assert golden.movement(whole, passed_on)["sample"] <= golden.ROUNDING

    others = case == "attached-base"

    def beside(folder):
        published = {f"image_proj.{k}": v for k, v in projector.items()} | \
            {f"ip_adapter.{k}": v for k, v in adapter.items()}
        golden.save({k: v.half() for k, v in published.items()}, folder / "adapter.safetensors")
        unet.save_config(folder)
        if others:
            for name, tensors in (("training", training_file(unet, projector, adapter)),
                                  ("resaved", model.state_dict())):
                golden.save({k: v.half() for k, v in tensors.items()}, folder / f"{name}.safetensors")

    extra = {"with": {"adapter": "adapter.safetensors"}}
    if others:
        extra["same_adapter"] = {"adapter.safetensors": "published", "training.safetensors": "training",
                                 "resaved.safetensors": "diffusers"}
    keys = ("in_channels", "out_channels", "block_out_channels", "layers_per_block", "cross_attention_dim", "use_linear_projection")
    shown = {key: list(value) if isinstance(value := unet.config[key], tuple) else value for key in keys}
    heads = config["attention_head_dim"]
    settings = {"attention_head_dim": list(heads) if isinstance(heads, tuple) else heads, "norm_num_groups": 2}
    if config is SDXL:
        settings["addition_time_embed_dim"] = config["addition_time_embed_dim"]
    golden.write(
        f"ip_adapter/{case}", script=SCRIPT, about=about, uses=["diffusers"], model=with_tokens(model),
        run=run, inputs=inputs, checkpoint={k: v.half() for k, v in unet.state_dict().items()},
        settings=settings, native=beside, extra=extra,
        inspect={"family": "unet", "variant": "custom", "layout": "diffusers", "config": shown},
        mutants=mutants_of(unet, projector, adapter, lora, inputs), limit=800_000)


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        make(name)
