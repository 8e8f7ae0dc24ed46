#!/usr/bin/env python3
"""What the pinned reference libraries say to the files of failures.py, recorded in tools/demos/failures/.

    tools/reference-python tools/demos/failures_reference.py FOLDER [OUT [CASE...]]

FOLDER holds the files. Each recording is the message as it was printed; long lines are cut, and say by how much.
"""
import contextlib
import io
import logging
import os
import re
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "golden"))
WIDTH, LINES = 420, 12


def sd15_unet():
    import diffusers
    import torch
    with torch.device("meta"):
        return diffusers.UNet2DConditionModel(cross_attention_dim=768)


def photomaker(folder):
    """the v1 encoder, on transformers' CLIP vision tower: model.load_state_dict(torch.load(...)["id_encoder"])"""
    import id_modules
    import torch
    import transformers
    config = transformers.CLIPVisionConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24,
                                           num_attention_heads=16, image_size=224, patch_size=14, projection_dim=768)
    with torch.device("meta"):
        encoder = id_modules.PhotoMaker(config, 1280, None)
    encoder.load_state_dict(torch.load(folder / "photomaker-v2.bin", mmap=True, weights_only=True)["id_encoder"])


def internvit(folder):
    """timm.models.load_checkpoint(timm.create_model("vit_intern300m_patch14_448"), "internvit.safetensors")"""
    import timm
    import torch
    with torch.device("meta"):
        model = timm.create_model("vit_intern300m_patch14_448", num_classes=0)
    timm.models.load_checkpoint(model, str(folder / "internvit.safetensors"))


def svd(folder):
    """diffusers: UNet2DConditionModel.from_single_file("svd_xt.safetensors", config=<Stable Diffusion 1.5>)"""
    import diffusers
    config = folder / "sd15"
    sd15_unet().save_config(config)
    diffusers.UNet2DConditionModel.from_single_file(str(folder / "svd_xt.safetensors"), config=str(config))


def clip(folder):
    """open_clip.load_checkpoint(open_clip.create_model("ViT-B-32"), "clip.safetensors")"""
    import open_clip
    import torch
    with torch.device("meta"):
        model = open_clip.CLIP(**{key: value for key, value in open_clip.get_model_config("ViT-B-32").items()
                                  if key in ("embed_dim", "vision_cfg", "text_cfg")})
    open_clip.load_checkpoint(model, str(folder / "clip.safetensors"))


def siglip(folder):
    """transformers: CLIPModel.from_pretrained("siglip/")"""
    import transformers
    siglip = folder / "siglip"
    siglip.mkdir(exist_ok=True)
    if not (siglip / "model.safetensors").exists():
        (siglip / "model.safetensors").symlink_to(folder / "siglip.safetensors")
    transformers.SiglipConfig().save_pretrained(siglip)
    transformers.utils.logging.disable_progress_bar()
    transformers.CLIPModel.from_pretrained(siglip)


def ip_adapter(folder):
    """diffusers: pipeline.load_ip_adapter(".", subfolder="", weight_name="ip-adapter-run.safetensors")"""
    import diffusers
    pipeline = diffusers.StableDiffusionPipeline(
        vae=None, text_encoder=None, tokenizer=None, unet=sd15_unet(), scheduler=None, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)
    pipeline.load_ip_adapter(str(folder), subfolder="", weight_name="ip-adapter-run.safetensors", image_encoder_folder=None)


CASES = {
    photomaker: ("transformers", "torch"), internvit: ("timm", "torch"), svd: ("diffusers", "torch"),
    clip: ("open-clip-torch", "torch"), siglip: ("transformers", "torch"), ip_adapter: ("diffusers", "torch"),
}


def shortened(text, folder):
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).replace(f"{folder}/", "").strip()
    lines = [line.rstrip() for line in plain.splitlines()]
    shown = [line if len(line) <= WIDTH else f"{line[:WIDTH]}... ({len(line) - WIDTH} more characters)"
             for line in lines[:LINES]]
    return "\n".join(shown + ([f"... ({len(lines) - LINES} more lines)"] if len(lines) > LINES else []))


def said(call, folder):
    """What a user of `call` sees: warnings, logs and the exception."""
    import diffusers  # noqa: F401, importing adds handlers of its own, which are replaced below
    import transformers  # noqa: F401
    seen = io.StringIO()
    logging.disable(logging.NOTSET)
    with contextlib.redirect_stderr(seen), contextlib.redirect_stdout(seen), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "for .*: copying from a non-meta")  # the recording builds its models without memory
        handler = logging.StreamHandler(seen)
        for name in ("transformers", "diffusers"):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [handler], False
        try:
            call(folder)
        except Exception as error:  # noqa: BLE001, whatever a library raises is what its user sees
            seen.write(f"{type(error).__name__}: {error}\n")
    return seen.getvalue()


def main(folder, out=ROOT / "tools" / "demos" / "failures", *chosen):
    folder, out = Path(folder).resolve(), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for call, packages in CASES.items():
        if chosen and call.__name__ not in chosen:
            continue
        made_with = ", ".join(f"{package} {version(package)}" for package in packages)
        text = shortened(said(call, folder), folder)
        (out / f"{call.__name__}.txt").write_text(f"# {call.__doc__}\n# {made_with}\n{text}\n")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # some messages list a set
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main(*sys.argv[1:])
