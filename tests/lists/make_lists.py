#!/usr/bin/env python3
"""Writes the tensor lists of vit/ and declined/ and their entries in index.json.

    python tests/lists/make_lists.py

The models are built on the meta device: no memory, no weights. Needs the packages of
tests/requirements-reference.txt. README.md describes the files. The entries of the other folders are kept.
"""
import json
import logging
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden" / "vit"), str(HERE.parents[1] / "tools" / "tables")]

import make_dinov2
import make_transformers
import vit_variants

import diffusers
import timm
import torch
import transformers as t
from transformers.core_model_loading import revert_weight_conversion

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL"}

# timm architecture -> arguments; the list is named after it
TIMM = [
    ("vit_tiny_patch16_224", {}), ("vit_small_patch16_224", {}), ("vit_base_patch16_224", {}),
    ("vit_large_patch16_224", {}), ("vit_huge_patch14_224", {}),
    ("vit_base_patch32_clip_224", {}), ("vit_base_patch32_clip_quickgelu_224", {}),
    ("vit_large_patch14_clip_224", {}), ("vit_intern300m_patch14_448", {}),
    ("vit_base_patch16_gap_224", {}), ("vit_base_patch16_siglip_gap_224", {}),
    ("vit_base_patch16_reg4_gap_256", {}), ("deit_tiny_patch16_224", {}),
    ("deit3_base_patch16_224", {}), ("deit_base_distilled_patch16_224", {}),
    ("vit_small_patch14_dinov2", {}), ("vit_base_patch14_reg4_dinov2", {}),
    ("vit_giant_patch14_dinov2", {}), ("vit_giant_patch14_reg4_dinov2", {}),
    ("vit_base_patch16_224", {"num_classes": 0}), ("vit_base_patch16_224", {"qk_norm": True}),
]

DINOV2 = {  # variant -> (with registers, arguments)
    "vit_small_patch14_dinov2": (False, dict(hidden_size=384, num_attention_heads=6)),
    "vit_base_patch14_reg4_dinov2": (True, dict(hidden_size=768, num_attention_heads=12)),
    "vit_giant_patch14_dinov2": (False, dict(hidden_size=1536, num_attention_heads=24,
                                             num_hidden_layers=40, use_swiglu_ffn=True)),
    "vit_giant_patch14_reg4_dinov2": (True, dict(hidden_size=1536, num_attention_heads=24,
                                                 num_hidden_layers=40, use_swiglu_ffn=True)),
}

# name of the list -> (variant, layers, image size, kind)
INTERNVIT = {
    "vit_intern300m_patch14_448": ("vit_intern300m_patch14_448", 24, 448, "300m"),
    "internvit_6b-224": ("internvit_6b", 48, 224, "6b"),
    "internvit_6b-448-v1-0": ("internvit_6b", 48, 448, "6b"),
    "internvit_6b-448-v2-5": ("internvit_6b", 45, 448, "6b"),
}


def on_meta(build):
    with torch.device("meta"):
        return build().eval()


def rows_of(state):
    return [(name, DTYPES[x.dtype], tuple(x.shape)) for name, x in state.items()]


def as_stored(model):
    """The state dict under the names that save_pretrained writes."""
    return dict(revert_weight_conversion(model, model.state_dict()))


def version(module):
    return f"{module.__name__} {module.__version__}"


class Lists:
    """Writes lists and remembers their entries; a second list of one name is an error."""

    def __init__(self):
        self.entries = {}
        self.variants = vit_variants.ordered(vit_variants.read_timm()[0])

    def add(self, file, state, made_by, inspect, **more):
        assert file not in self.entries, file
        rows = rows_of(state)
        path = HERE / file
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{n}\t{d}\t{','.join(map(str, s))}\n" for n, d, s in rows))
        self.entries[file] = {"file": file, "tensors": len(rows),
                              "parameters": sum(x.numel() for x in state.values()),
                              "made_by": made_by, **more, "inspect": inspect}

    def add_vit(self, name, layout, state, config, made_by, form=None, **more):
        """config: the whole truth; what `inspect` must say of it follows from the variant table."""
        file = f"vit/{name}.{form or layout}.tsv"
        self.add(file, state, made_by, self.answer(config, layout), **more)

    def answer(self, config, layout):
        """What names and shapes decide, with the variant table's help."""
        fits = [name for name, row in self.variants.items()
                if all(row[k] in (None, config[k]) for k in vit_variants.MATCH)]
        fits.sort(key=lambda n: -sum(self.variants[n][k] == config[k] for k in vit_variants.PREFER))
        shown = {k: v for k, v in config.items() if k not in vit_variants.GIVES}
        if config["qk_norm"] == "head":
            shown["num_heads"] = config["num_heads"]
        if not fits:
            return {"family": "vit", "variant": "custom", "layout": layout, "config": shown,
                    "buildable": True}
        first = self.variants[fits[0]]
        agreed = [k for k in vit_variants.GIVES if len({self.variants[n][k] for n in fits}) == 1]
        also = [n for n in fits[1:] if all(self.variants[n][k] == first[k] for k in vit_variants.GIVES)]
        shown |= {k: first[k] for k in agreed}
        if layout == "transformers":
            shown.pop("norm_eps", None)  # transformers' default differs from timm's
        result = {"family": "vit", "variant": fits[0], "layout": layout, "config": shown}
        if also:
            result["also"] = also
        unknown = [k for k in vit_variants.GIVES if k not in agreed]
        if unknown:
            result["undecidable"] = unknown
        return result | {"buildable": True}

    def write_index(self):
        path = HERE / "index.json"
        held = {e["file"]: e for e in json.loads(path.read_text())["lists"]}
        mine = ("vit/", "declined/")
        from_elsewhere = {"declined/vit-b-16-siglip.open_clip_custom_text.tsv",
                          "declined/coca_vit-b-32.open_clip.tsv"}
        kept = {f: e for f, e in held.items() if not f.startswith(mine) or f in from_elsewhere}
        entries = kept | self.entries
        for stale in held.keys() - entries.keys():
            (HERE / stale).unlink()
        lines = ",\n".join(json.dumps(entries[f]) for f in sorted(entries))
        path.write_text('{"lists": [\n' + lines + "\n]}\n")
        print(f"{len(self.entries)} lists written, {len(kept)} kept")


def add_timm(lists):
    for name, arguments in TIMM:
        model = on_meta(lambda: timm.create_model(name, pretrained=False, **arguments))
        given = "".join(f", {k}={v!r}" for k, v in arguments.items())
        suffix = "".join(f"-{k}-{v}" for k, v in arguments.items()).lower()
        lists.add_vit(name + suffix, "timm", model.state_dict(), vit_variants.columns(model),
                      f"{version(timm)}: create_model({name!r}{given})")


def add_transformers_vit(lists):
    base = vit_variants.columns(on_meta(lambda: timm.create_model("vit_base_patch16_224")))
    distilled = vit_variants.columns(
        on_meta(lambda: timm.create_model("deit_base_distilled_patch16_224")))
    config = t.ViTConfig(num_labels=1000)
    classifier = on_meta(lambda: t.ViTForImageClassification(config))
    made_by = f"{version(t)}: ViTForImageClassification(ViTConfig(num_labels=1000))"
    lists.add_vit("vit_base_patch16_224", "transformers", as_stored(classifier), base,
                  made_by + ", as save_pretrained stores it")
    lists.add_vit("vit_base_patch16_224", "transformers", classifier.state_dict(), base,
                  made_by + ", state_dict() in memory", form="transformers-memory")
    bare = on_meta(lambda: t.ViTModel(t.ViTConfig()))
    lists.add_vit("vit_base_patch16_224-pooler", "transformers", as_stored(bare),
                  base | {"num_classes": 0}, f"{version(t)}: ViTModel(ViTConfig()), as save_pretrained "
                  "stores it", notes=["pooler.dense is no part of the model tenon builds"])
    teacher = on_meta(lambda: t.DeiTForImageClassificationWithTeacher(t.DeiTConfig(num_labels=1000)))
    made_by = f"{version(t)}: DeiTForImageClassificationWithTeacher(DeiTConfig(num_labels=1000))"
    lists.add_vit("deit_base_distilled_patch16_224", "transformers", as_stored(teacher), distilled,
                  made_by + ", as save_pretrained stores it")
    lists.add_vit("deit_base_distilled_patch16_224", "transformers", teacher.state_dict(), distilled,
                  made_by + ", state_dict() in memory", form="transformers-memory")


def add_dinov2(lists):
    for name, (registers, arguments) in DINOV2.items():
        config = vit_variants.columns(on_meta(lambda: timm.create_model(name)))
        kind = "Dinov2WithRegisters" if registers else "Dinov2"
        sizes = dict(image_size=518, patch_size=14, **arguments)
        model = on_meta(lambda: getattr(t, kind + "Model")(getattr(t, kind + "Config")(**sizes)))
        given = ", ".join(f"{k}={v!r}" for k, v in sizes.items())
        made_by = f"{version(t)}: {kind}Model({kind}Config({given}))"
        stored = as_stored(model)
        lists.add_vit(name, "transformers", stored, config, made_by + ", as save_pretrained stores it")
        lists.add_vit(name, "transformers", model.state_dict(), config,
                      made_by + ", state_dict() in memory", form="transformers-memory")
        lists.add_vit(name, "dinov2", make_dinov2.to_original(stored), config,
                      made_by + ", renamed by tests/golden/vit/make_dinov2.py")


def internvit_config(kind, layers, image):
    six = kind == "6b"
    row = vit_variants.INTERNVIT_6B if six else vit_variants.columns(
        on_meta(lambda: timm.create_model("vit_intern300m_patch14_448")))
    return row | {"depth": layers, "img_size": image}


def add_internvit(lists):
    for name, (variant, layers, image, kind) in INTERNVIT.items():
        config = internvit_config(kind, layers, image)
        arguments = dict(
            hidden_size=config["embed_dim"], num_hidden_layers=layers,
            num_attention_heads=config["num_heads"], intermediate_size=config["mlp_hidden"],
            image_size=[image, image], patch_size=[14, 14])
        kinds = make_transformers.SIX_B if kind == "6b" else make_transformers.THREE_HUNDRED_M
        model = on_meta(lambda: t.InternVLVisionModel(t.InternVLVisionConfig(**arguments, **kinds)))
        made_by = f"{version(t)}: InternVLVisionModel of {layers} layers, width {config['embed_dim']}"
        lists.add_vit(name, "internvit", make_transformers.to_internvit(model.state_dict()), config,
                      made_by + ", renamed by tests/golden/vit/make_transformers.py")
        lists.add_vit(name, "transformers", model.state_dict(), config,
                      made_by + ", as save_pretrained stores it")


# list name -> (family that `inspect` names, call, model). All are refused; with None no family is asked
# for, only that it is none that tenon builds.
DECLINED = {
    "vit_base_patch16_siglip_224.timm": ("siglip", "timm", "vit_base_patch16_siglip_224"),
    "eva02_base_patch14_224.timm": ("eva", "timm", "eva02_base_patch14_224"),
    "eva_giant_patch14_224.timm": ("eva", "timm", "eva_giant_patch14_224"),
    "beit_base_patch16_224.timm": (None, "timm", "beit_base_patch16_224"),
    "swin_tiny_patch4_window7_224.timm": (None, "timm", "swin_tiny_patch4_window7_224"),
    "siglip.transformers": ("siglip", "SiglipModel(SiglipConfig())",
                            lambda: t.SiglipModel(t.SiglipConfig())),
    "siglip-vision.transformers": ("siglip", "SiglipVisionModel(SiglipVisionConfig())",
                                   lambda: t.SiglipVisionModel(t.SiglipVisionConfig())),
    "vit_mae.transformers": ("mae", "ViTMAEForPreTraining(ViTMAEConfig())",
                             lambda: t.ViTMAEForPreTraining(t.ViTMAEConfig())),
    "blip.transformers": ("blip", "BlipForConditionalGeneration(BlipConfig())",
                          lambda: t.BlipForConditionalGeneration(t.BlipConfig())),
    "t5_encoder.transformers": (None, "T5EncoderModel(T5Config())",
                                lambda: t.T5EncoderModel(t.T5Config())),
    "vae.diffusers": ("vae", "AutoencoderKL of Stable Diffusion", lambda: diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)),
    "controlnet-sd1.diffusers": ("controlnet", "ControlNetModel of Stable Diffusion 1",
                                 lambda: diffusers.ControlNetModel(cross_attention_dim=768)),
    "motion_adapter.diffusers": (None, "MotionAdapter()", lambda: diffusers.MotionAdapter()),
}


def add_declined(lists):
    for name, (family, call, build) in DECLINED.items():
        inspect = {"family": family, "buildable": False}
        if call == "timm":
            state = on_meta(lambda: timm.create_model(build, pretrained=False)).state_dict()
            made_by = f"{version(timm)}: create_model({build!r})"
        else:
            model = on_meta(build)
            of_transformers = isinstance(model, t.PreTrainedModel)
            state = as_stored(model) if of_transformers else model.state_dict()
            made_by = f"{version(t if of_transformers else diffusers)}: {call}"
        lists.add(f"declined/{name}.tsv", state, made_by, inspect)


def main():
    lists = Lists()
    add_timm(lists)
    add_transformers_vit(lists)
    add_dinov2(lists)
    add_internvit(lists)
    add_declined(lists)
    lists.write_index()


if __name__ == "__main__":
    main()
