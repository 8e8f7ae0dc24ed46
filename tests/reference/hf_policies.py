"""`hf-like` and `ignore_mismatched_sizes` beside transformers' and diffusers' from_pretrained, on the same files.

Each case spoils a sound checkpoint. Both sides load it and write what they hold under the library's own names; a tensor
whose values are those of the file was loaded, any other was newly initialised. Both must agree on every tensor, on what
they refuse, and on what the file holds in vain. Two things tenon does beyond: it refuses a file of which under half of the
model's elements are used, and it says every tensor that it fills or drops.
"""
import json
import logging
import os
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import diffusers
import safetensors.torch
import torch
import transformers

TENON = os.environ["TENON"]
GOLDEN = Path(os.environ["TENON_SOURCE_DIR"]) / "tests" / "golden"
POLICIES = {"hf-like": False, "ignore_mismatched_sizes": True}

warnings.filterwarnings("ignore")
logging.disable(logging.ERROR)
torch.set_num_threads(1)
transformers.logging.disable_progress_bar()


class Spoiled:
    """A checkpoint's tensors, and what a case does to them."""

    def __init__(self, tensors, config):
        self.tensors, self.config = dict(tensors), dict(config)

    def lose(self, *names):
        for name in names:
            del self.tensors[name]

    def gain(self, name, *shape):
        self.tensors[name] = torch.randn(shape)

    def reshape(self, name, *shape):
        assert self.tensors[name].shape != shape, name
        self.tensors[name] = torch.randn(shape)

    def rename(self, old, new):
        self.tensors[new] = self.tensors.pop(old)


class Family:
    """What the libraries' two kinds of models have in common."""

    def __init__(self, model, weights, layout):
        self.model, self.weights, self.layout = model, weights, layout

    def options(self, ignore):
        diffusers_only = {"low_cpu_mem_usage": False} if issubclass(self.model, diffusers.ModelMixin) else {}
        return {"output_loading_info": True, "ignore_mismatched_sizes": ignore, "torch_dtype": torch.float32} | diffusers_only

    def write(self, folder, spoiled):
        folder.mkdir()
        safetensors.torch.save_file(spoiled.tensors, folder / self.weights, metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(spoiled.config))

    def load(self, folder, ignore, out):
        """What from_pretrained holds, under its names on disk, and the file's names that it did not expect; None: refused."""
        try:
            model, info = self.model.from_pretrained(folder, **self.options(ignore))
        except (RuntimeError, ValueError, OSError) as error:
            return None, str(error)
        model.save_pretrained(out)
        return safetensors.torch.load_file(out / self.weights), set(info["unexpected_keys"])


VIT = Family(transformers.ViTForImageClassification, "model.safetensors", "transformers")
UNET = Family(diffusers.UNet2DConditionModel, "diffusion_pytorch_model.safetensors", "diffusers")


def small_vit():
    config = transformers.ViTConfig(image_size=16, patch_size=4, hidden_size=24, num_hidden_layers=3, num_attention_heads=3,
                                    intermediate_size=48, num_labels=10)
    model = transformers.ViTForImageClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return Spoiled(safetensors.torch.load_file(Path(folder) / VIT.weights), json.loads((Path(folder) / "config.json").read_text()))


def small_unet():
    folder = GOLDEN / "unet" / "sd1_fp32_diffusers"
    tensors = safetensors.torch.load_file(folder / "checkpoint.safetensors")
    return Spoiled(tensors, json.loads((folder / "config.json").read_text()))


LAYER = "vit.encoder.layer.0"
ATTENTION = f"{LAYER}.attention.attention"
BLOCK = "down_blocks.0.attentions.0.transformer_blocks.0"


def without_trunk_prefix(spoiled):
    spoiled.lose("classifier.weight", "classifier.bias")
    spoiled.tensors = {name.removeprefix("vit."): tensor for name, tensor in spoiled.tensors.items()}


CASES = {
    "as it is": (VIT, lambda s: None),
    "a bias is missing": (VIT, lambda s: s.lose(f"{LAYER}.layernorm_before.bias")),
    "the query of a layer is missing": (VIT, lambda s: s.lose(f"{ATTENTION}.query.weight", f"{ATTENTION}.query.bias")),
    "the key and the value of a layer are missing": (VIT, lambda s: s.lose(f"{ATTENTION}.key.weight", f"{ATTENTION}.value.weight")),
    "a whole layer is missing": (VIT, lambda s: s.lose(*[n for n in s.tensors if n.startswith("vit.encoder.layer.1.")])),
    "the classifier is missing": (VIT, lambda s: s.lose("classifier.weight", "classifier.bias")),
    "the positions are missing": (VIT, lambda s: s.lose("vit.embeddings.position_embeddings")),
    "a tensor more": (VIT, lambda s: s.gain("vit.encoder.extra.weight", 3, 3)),
    "a typing error": (VIT, lambda s: s.rename(f"{LAYER}.output.dense.weight", f"{LAYER}.output.dens.weight")),
    "another class count": (VIT, lambda s: (s.reshape("classifier.weight", 7, 24), s.reshape("classifier.bias", 7))),
    "another class count and a typing error": (VIT, lambda s: (
        s.reshape("classifier.weight", 7, 24), s.reshape("classifier.bias", 7),
        s.rename(f"{LAYER}.output.dense.bias", f"{LAYER}.output.dens.bias"))),
    "another resolution": (VIT, lambda s: s.reshape("vit.embeddings.position_embeddings", 1, 50, 24)),
    "other channels": (VIT, lambda s: s.reshape("vit.embeddings.patch_embeddings.projection.weight", 24, 1, 4, 4)),
    "a query of another width": (VIT, lambda s: s.reshape(f"{ATTENTION}.query.weight", 24, 23)),
    "the trunk alone, without its prefix": (VIT, without_trunk_prefix),
    "unet: as it is": (UNET, lambda s: None),
    "unet: a bias is missing": (UNET, lambda s: s.lose("conv_in.bias")),
    "unet: a projection is missing": (UNET, lambda s: s.lose(f"{BLOCK}.attn2.to_k.weight")),
    "unet: a tensor more": (UNET, lambda s: s.gain("encoder_hid_proj.weight", 3, 3)),
    "unet: other input channels": (UNET, lambda s: s.reshape("conv_in.weight", s.tensors["conv_in.weight"].shape[0], 9, 3, 3)),
    "unet: another text width": (UNET, lambda s: s.reshape(f"{BLOCK}.attn2.to_k.weight", *[
        s.tensors[f"{BLOCK}.attn2.to_k.weight"].shape[0], 5])),
}


class Tenon:
    """What tenon loads from the folder under the policy."""

    def __init__(self, folder, policy, layout, out):
        base = [str(folder), "--config", str(folder / "config.json"), "--policy", policy, "--json"]
        done = subprocess.run([TENON, "check", *base], capture_output=True, check=False, timeout=300)
        self.code, self.report = done.returncode, json.loads(done.stdout)
        self.tensors = None
        if self.code == 0:
            subprocess.run([TENON, "convert", *base, "--to", layout, "-o", str(out)], check=True, capture_output=True, timeout=300)
            self.tensors = safetensors.torch.load_file(out)

    def unused(self, file_names):
        used = {name for tensor in self.report["tensors"] for name in tensor["from"]}
        return set(file_names) - used

    def said(self):
        """Names that a finding speaks of."""
        return " ".join(f"{f['target']} {f['source']} {f['message']}" for f in self.report["findings"])


def loaded(held, tensors):
    """The names under which exactly the file's tensor is held."""
    by_shape = {}
    for tensor in tensors.values():
        by_shape.setdefault(tensor.shape, []).append(tensor)
    return {name for name, tensor in held.items() if any(torch.equal(tensor, x) for x in by_shape.get(tensor.shape, []))}


class SamePolicies(unittest.TestCase):
    maxDiff = None

    def compare(self, family, spoiled, policy, folder):
        family.write(folder / "in", spoiled)
        held, unexpected = family.load(folder / "in", POLICIES[policy], folder / "out")
        tenon = Tenon(folder / "in", policy, family.layout, folder / "tenon.safetensors")
        if held is None:
            self.assertEqual(tenon.code, 1, tenon.report["findings"])
            return
        self.assertEqual(tenon.code, 0, tenon.report["diagnosis"])
        self.assertEqual(set(tenon.tensors), set(held))
        self.assertEqual(loaded(tenon.tensors, spoiled.tensors), loaded(held, spoiled.tensors))
        for name, tensor in tenon.tensors.items():
            self.assertEqual(tensor.shape, held[name].shape, name)
            self.assertTrue(torch.isfinite(tensor).all(), name)
        filled = {t["target"] for t in tenon.report["tensors"] if t["origin"] == "filled" or any("filled with" in op for op in t["ops"])}
        for target in filled:
            self.assertIn(target, tenon.said())
        # A tensor in vain is one that the library calls unexpected; tenon says it too.
        dropped = {f["source"] for f in tenon.report["findings"] if f["action"] == "drop"}
        self.assertEqual({name.rpartition(".")[0].rpartition(".")[2] for name in dropped},
                         {name.rpartition(".")[0].rpartition(".")[2] for name in unexpected})
        self.assertEqual(len(filled) > 0 or len(dropped) > 0, tenon.report["verdict"] == "accepted-with-waivers")

    def test_both_load_fill_and_drop_the_same(self):
        for name, (family, spoil) in CASES.items():
            for policy in POLICIES:
                with self.subTest(case=name, policy=policy), tempfile.TemporaryDirectory() as folder:
                    torch.manual_seed(0)
                    spoiled = small_vit() if family is VIT else small_unet()
                    spoil(spoiled)
                    self.compare(family, spoiled, policy, Path(folder))

    def test_only_tenon_refuses_a_file_that_holds_too_little(self):
        for policy in POLICIES:
            with self.subTest(policy=policy), tempfile.TemporaryDirectory() as folder:
                torch.manual_seed(0)
                spoiled = small_vit()
                spoiled.lose(*[n for n in spoiled.tensors if ".layer.1." in n or ".layer.2." in n])
                folder = Path(folder)
                VIT.write(folder / "in", spoiled)
                held, _ = VIT.load(folder / "in", POLICIES[policy], folder / "out")
                self.assertIsNotNone(held)
                tenon = Tenon(folder / "in", policy, "transformers", folder / "tenon.safetensors")
                self.assertEqual(tenon.code, 1)
                self.assertIn("TN-COVERAGE", {f["id"] for f in tenon.report["findings"]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
