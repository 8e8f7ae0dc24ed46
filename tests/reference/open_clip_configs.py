"""Every config that open_clip ships for native towers: its model's names and shapes, without weights, give the config back.

What shapes cannot tell must come out right or be reported as undecidable with the right value among the choices.
Whether a size's activation is decided is held against the tags of released weights.
"""

import dataclasses
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import open_clip
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from open_clip.pretrained import _PRETRAINED

TENON = os.environ["TENON"]
CONFIGS = Path(open_clip.__file__).parent / "model_configs"
TYPES = {torch.float32: ("F32", 4), torch.int64: ("I64", 8)}


def native_configs():
    for path in sorted(CONFIGS.glob("*.json")):
        config = json.loads(path.read_text())
        if "timm_model_name" in config["vision_cfg"] or "hf_model_name" in config["text_cfg"] or "multimodal_cfg" in config:
            continue
        yield path.stem, config


def write_without_weights(model, path):
    header, offset = {}, 0
    for name, tensor in model.state_dict().items():
        dtype, size = TYPES[tensor.dtype]
        end = offset + tensor.numel() * size
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + offset)


def model_of(config):
    with torch.device("meta"):
        kind = CustomTextCLIP if config.get("custom_text") else CLIP
        return kind(config["embed_dim"], dict(config["vision_cfg"]), dict(config["text_cfg"]))


def stated(config):
    """The config in tenon's keys, open_clip's defaults filled in."""
    values = {"embed_dim": config["embed_dim"]}
    vision = dataclasses.asdict(CLIPVisionCfg(**config["vision_cfg"]))
    text = dataclasses.asdict(CLIPTextCfg(**config["text_cfg"]))
    resnet = isinstance(vision["layers"], list)
    for key in ("image_size", "layers", "width", "head_width", "ls_init_value") + (
            () if resnet else ("patch_size", "pool_type", "final_ln_after_pool", "no_ln_pre")):
        values[f"vision_cfg.{key}"] = vision[key]
    for key in ("context_length", "vocab_size", "width", "heads", "layers", "pool_type", "no_causal_mask"):
        values[f"text_cfg.{key}"] = text[key]
    if text["pool_type"] == "eos":
        values["text_cfg.eos_id"] = text["eos_id"]
    if resnet:
        del values["vision_cfg.ls_init_value"]
    return values


def released_activations(name):
    """quick_gelu of every released tag of a config."""
    base = name.removesuffix("-quickgelu")
    return {bool(tag.get("quick_gelu", False)) for model in (base, base + "-quickgelu") for tag in _PRETRAINED.get(model, {}).values()}


class OpenClipConfigs(unittest.TestCase):
    maxDiff = None

    def inspect(self, name, config, folder):
        path = Path(folder) / "model.safetensors"
        write_without_weights(model_of(config), path)
        done = subprocess.run([TENON, "inspect", "--json", str(path)], capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)["parts"][0]

    def test_each_is_told_from_names_and_shapes(self):
        count = 0
        for name, config in native_configs():
            with self.subTest(config=name), tempfile.TemporaryDirectory() as folder:
                part = self.inspect(name, config, folder)
                count += 1
                self.assertEqual((part["family"], part["config"]["towers"]), ("clip", ["vision", "text"]))
                names = [part["variant"], *part.get("also", [])]
                self.assertIn(name.removesuffix("-quickgelu").lower(), names)
                open_values = {item["what"]: item["choices"] for item in part["undecidable"]}
                for key, value in stated(config).items():
                    if key in open_values:
                        self.assertIn(value, open_values[key], key)
                    else:
                        self.assertEqual(part["config"][key], value, key)
                if "quick_gelu" in open_values:
                    self.assertEqual(open_values["quick_gelu"], [True, False])
                else:
                    self.assertLessEqual(released_activations(name), {part["config"]["quick_gelu"]})
        self.assertGreater(count, 50)

    def test_both_activations_were_released_for_some_sizes_and_for_those_it_is_open(self):
        both = [name for name, _ in native_configs() if released_activations(name) == {True, False}]
        self.assertIn("ViT-B-32", both)
        for name, config in native_configs():
            if name in both:
                with self.subTest(config=name), tempfile.TemporaryDirectory() as folder:
                    part = self.inspect(name, config, folder)
                    self.assertIn("quick_gelu", [item["what"] for item in part["undecidable"]])

    def test_the_config_beside_the_file_settles_all(self):
        for name, config in native_configs():
            with self.subTest(config=name), tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
                part = self.inspect(name, config, folder)
                self.assertEqual(part["undecidable"], [])
                self.assertEqual(part["config"]["quick_gelu"], config.get("quick_gelu") or False)
                self.assertEqual({key: part["config"][key] for key in stated(config)}, stated(config))


if __name__ == "__main__":
    unittest.main(verbosity=2)
