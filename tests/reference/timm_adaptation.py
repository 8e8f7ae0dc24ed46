"""`lenient` beside timm's own reading of pretrained weights into a model of other sizes.

timm resizes position tables (bicubic, antialias), sums or repeats the stem's channels and leaves out a head of another
class count; under `lenient` tenon does the same for what `--set` asks for. Both then see the same images.
"""
import json
import logging
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import safetensors.torch
import timm
import torch

TENON = os.environ["TENON"]
SIZES = dict(img_size=32, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=10)

logging.disable(logging.WARNING)
torch.set_num_threads(1)

# name: (architecture, arguments of the file's model, what is asked for)
CASES = {
    "a larger image": ("vit_tiny_patch16_224", {}, dict(img_size=48)),
    "a smaller image": ("vit_tiny_patch16_224", {}, dict(img_size=16)),
    "a wide image": ("vit_tiny_patch16_224", {}, dict(img_size=(16, 48))),
    "registers without positions": ("vit_small_patch14_reg4_dinov2", dict(reg_tokens=4), dict(img_size=48)),
    "registers with positions": ("vit_tiny_patch16_224", dict(reg_tokens=2), dict(img_size=48)),
    "class and distillation token": ("deit_tiny_distilled_patch16_224", {}, dict(img_size=48)),
    "no class token": ("vit_base_patch16_siglip_gap_224", {}, dict(img_size=48)),
    "one channel": ("vit_tiny_patch16_224", {}, dict(in_chans=1)),
    "four channels": ("vit_tiny_patch16_224", {}, dict(in_chans=4)),
    "seven channels": ("vit_tiny_patch16_224", {}, dict(in_chans=7)),
    "another class count": ("vit_tiny_patch16_224", {}, dict(num_classes=7)),
    "everything at once": ("vit_tiny_patch16_224", {}, dict(img_size=48, in_chans=1, num_classes=7)),
}


class Adaptation(unittest.TestCase):
    def compare(self, folder, architecture, arguments, asked):
        torch.manual_seed(0)
        source = timm.create_model(architecture, **{**SIZES, **arguments})
        with torch.no_grad():
            for parameter in source.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        weights = folder / "model.safetensors"
        safetensors.torch.save_file(source.state_dict(), weights)
        model = timm.create_model(
            architecture, **{**SIZES, **arguments, **asked}, pretrained=True,
            pretrained_cfg_overlay=dict(file=str(weights), num_classes=10, first_conv="patch_embed.proj")).eval()
        height, width = model.patch_embed.img_size
        images = torch.randn(2, model.patch_embed.proj.in_channels, height, width)
        safetensors.torch.save_file({"pixel_values": images}, folder / "images.safetensors")
        with torch.inference_mode():
            expected = model.forward_head(model.forward_features(images), pre_logits=True)

        settings = asked | {"num_heads": 3, "norm_eps": model.blocks[0].norm1.eps, "act": "gelu", "global_pool": model.global_pool}
        options = [w for k, v in settings.items() for w in ("--set", f"{k}={json.dumps(v).strip(chr(34))}")]
        done = subprocess.run([TENON, "run", weights, "--inputs", folder / "images.safetensors", "--outputs", folder / "out.safetensors",
                               "--policy", "lenient", "--json", *options], capture_output=True, check=False, timeout=300)
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0, report)
        features = safetensors.torch.load_file(folder / "out.safetensors")["features"]
        self.assertLessEqual((features - expected).abs().max().item(), 1e-4 * expected.abs().max().item())
        actions = {finding["target"]: finding["action"] for finding in report["findings"]}
        wanted = {}
        if "img_size" in asked:
            wanted["pos_embed"] = "resize"
        if "in_chans" in asked:
            wanted["patch_embed.proj.weight"] = "inflate"
        if "num_classes" in asked:
            wanted |= {"head.weight": "fill", "head.bias": "fill"}
        self.assertEqual({target: action for target, action in actions.items() if action not in ("keep", "refuse")}, wanted)

    def test_features_are_those_of_timm(self):
        for name, (architecture, arguments, asked) in CASES.items():
            with self.subTest(case=name), tempfile.TemporaryDirectory() as folder:
                self.compare(Path(folder), architecture, arguments, asked)


if __name__ == "__main__":
    unittest.main(verbosity=2)
