"""The rows of tools/bench about diffusion UNets: sparse files of the published sizes, and SD 1's forward beside diffusers."""
import diffusers
import safetensors.torch
import torch

from benches.measure import Row, in_turns, median
from demos.failures import listed, write_safetensors


def names_of(name):
    """{name: shape} of a list in tests/lists."""
    return {tensor: shape for tensor, (_, shape) in listed(name).items()}


def autoencoder():
    """{name: shape} of Stable Diffusion's autoencoder under its original names, small: only its names matter here."""
    names = {"quant_conv": 4, "post_quant_conv": 4, "encoder.conv_in": 4, "decoder.conv_in": 4, "encoder.conv_out": 4,
             "decoder.conv_out": 4, "encoder.norm_out": 1, "decoder.norm_out": 1}
    for half, blocks in (("encoder", 2), ("decoder", 3)):
        residuals = [f"{half}.mid.block_{i}" for i in (1, 2)]
        direction = "down" if half == "encoder" else "up"
        residuals += [f"{half}.{direction}.{level}.block.{i}" for level in range(4) for i in range(blocks)]
        for block in residuals:
            names |= {f"{block}.norm1": 1, f"{block}.conv1": 4, f"{block}.norm2": 1, f"{block}.conv2": 4}
        names |= {f"{half}.mid.attn_1.{part}": 1 if part == "norm" else 4 for part in ("norm", "q", "k", "v", "proj_out")}
        levels = (0, 1, 2) if half == "encoder" else (1, 2, 3)
        names |= {f"{half}.{direction}.{level}.{direction}sample.conv": 4 for level in levels}
        shortcuts = ((1, 0), (2, 0)) if half == "encoder" else ((1, 0), (0, 0))
        names |= {f"{half}.{direction}.{level}.block.{i}.nin_shortcut": 4 for level, i in shortcuts}
    return {f"first_stage_model.{name}.{kind}": [8] * (rank if kind == "weight" else 1)
            for name, rank in names.items() for kind in ("weight", "bias")}


def sdxl_bundle():
    """{name: shape} of a published SDXL file: UNet, autoencoder, both text encoders."""
    bundle = names_of("unet/sdxl.ldm") | autoencoder()
    bundle |= {f"conditioner.embedders.0.transformer.{name}": shape
               for name, shape in names_of("clip/vit-l-14-text.transformers").items()}
    bundle |= {f"conditioner.embedders.1.model.{name}": shape
               for name, shape in names_of("clip/vit-bigg-14.open_clip").items() if not name.startswith("visual.")}
    return bundle


def write_sparse(path, shapes):
    """A safetensors file of fp16 zeros that takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(path, {name: ("F16", shape) for name, shape in shapes.items()})
    return path


def pick(measured, what):
    return next(value for name, value in measured.items() if f"/{what}" in name)


def mapped_rows(tenon, folder, rounds):
    shapes = names_of("unet/sdxl.diffusers")
    path = write_sparse(folder / "sdxl" / "unet.safetensors", shapes)
    size = path.stat().st_size
    with torch.device("meta"):
        model = torch.nn.ParameterDict({name.replace(".", "/"): torch.empty(shape) for name, shape in shapes.items()})

    def python():
        state = safetensors.torch.load_file(path)
        model.load_state_dict({name.replace(".", "/"): tensor for name, tensor in state.items()}, assign=True)
    peer = median(python, rounds) * 1e3
    # A forward of this size in fp16 takes a CPU minutes, and no row shows it: inputs that no UNet takes leave it out.
    safetensors.torch.save_file({"sample": torch.zeros(1)}, folder / "sdxl" / "none.safetensors")
    measured = tenon.benchmarks("--inputs", folder / "sdxl" / "none.safetensors", path)
    anonymous = tenon.peak_anonymous_bytes("load", path) - tenon.peak_anonymous_bytes(
        "load", "tests/data/digits/timm/model.safetensors")
    return [
        Row(f"SDXL's UNet: module tree of {len(shapes)} tensors", pick(measured, "construct"), limit=50),
        Row(f"SDXL's UNet, {size / 1e9:.1f} GB fp16, open to bind, mapped", pick(measured, "load"), peer=peer, limit=50),
        Row("anonymous memory of that load", anonymous / 1e6, unit="MB", limit=0.01 * size / 1e6),
    ]


def forward_row(tenon, folder):
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model = diffusers.UNet2DConditionModel(cross_attention_dim=768, sample_size=64).eval()
    model.save_pretrained(folder / "sd1")
    inputs = {"sample": torch.randn(1, 4, 64, 64), "timestep": torch.tensor([500]),
              "encoder_hidden_states": torch.randn(1, 77, 768)}
    safetensors.torch.save_file(inputs, folder / "sd1.inputs.safetensors")
    measure = ("--threads", 2, "--inputs", folder / "sd1.inputs.safetensors", folder / "sd1")
    with torch.inference_mode():
        own, peer = in_turns(lambda: pick(tenon.benchmarks(*measure), "forward"), lambda: model(**inputs), 1)
    return Row("forward SD 1 UNet, fp32, 64 by 64 latents, 2 threads", own, peer=peer, limit=peer)


def rows(tenon, folder, rounds):
    bundle = write_sparse(folder / "sdxl" / "bundle.safetensors", sdxl_bundle())
    tensors = len(sdxl_bundle())
    seconds = median(tenon.process("inspect", bundle), rounds)
    return [
        Row(f"`inspect` of an SDXL bundle, {tensors} tensors, process", seconds * 1e3, limit=50),
        *mapped_rows(tenon, folder, rounds),
        forward_row(tenon, folder),
    ]
