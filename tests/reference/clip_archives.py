"""An archive as OpenAI released them: TorchScript, half precision, three scalars. Its tensors are read, its code is not run."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import safetensors.torch
import torch
from open_clip.model import build_model_from_openai_state_dict

TENON = os.environ["TENON"]
GOLDEN = Path(os.environ["TENON_SOURCE_DIR"]) / "tests" / "golden" / "clip"


class Tree(torch.nn.Module):
    """Holds tensors under their dotted names, scalars as buffers."""

    def __init__(self, tensors):
        super().__init__()
        below = {}
        for name, tensor in tensors.items():
            first, _, rest = name.partition(".")
            if rest:
                below.setdefault(first, {})[rest] = tensor
            elif tensor.is_floating_point():
                self.register_parameter(name, torch.nn.Parameter(tensor, requires_grad=False))
            else:
                self.register_buffer(name, tensor)
        for name, inner in below.items():
            self.add_module(name, Tree(inner))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Archives(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def tenon(self, *args):
        done = subprocess.run([TENON, *map(str, args), "--json"], capture_output=True, timeout=120, check=False)
        return done.returncode, json.loads(done.stdout)

    def test_the_tensors_of_an_archive_give_the_model_whatever_its_name(self):
        for golden in ("openai_vit", "openai_rn"):
            tensors = safetensors.torch.load_file(GOLDEN / golden / "checkpoint.safetensors")
            for name in ("ViT.pt", "model.safetensors"):
                with self.subTest(golden=golden, name=name):
                    archive = self.folder / name
                    torch.jit.script(Tree(tensors)).save(str(archive))
                    code, answer = self.tenon("inspect", archive)
                    part = answer["parts"][0]
                    self.assertEqual((code, answer["checkpoint"]["container"]), (0, "torchscript"))
                    self.assertEqual((part["family"], part["layout"], len(answer["parts"])), ("clip", "openai", 1))
                    self.assertEqual(answer["checkpoint"]["dtypes"].get("F16", 0),
                                     sum(tensor.dtype == torch.float16 for tensor in tensors.values()))
                    code, answer = self.tenon("diff", archive, GOLDEN / golden / "checkpoint.safetensors", "--values")
                    self.assertEqual((code, answer["identical"]), (0, True), answer)

    def test_the_outputs_are_open_clips(self):
        golden = GOLDEN / "openai_vit"
        torch.jit.script(Tree(safetensors.torch.load_file(golden / "checkpoint.safetensors"))).save(str(self.folder / "ViT.pt"))
        done = subprocess.run([TENON, "run", self.folder / "ViT.pt", "--inputs", golden / "inputs.safetensors",
                               "--outputs", self.folder / "out.safetensors"], capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        outputs = safetensors.torch.load_file(self.folder / "out.safetensors")
        for name, expected in safetensors.torch.load_file(golden / "expected.safetensors").items():
            error = (outputs[name] - expected).abs().max() / expected.abs().max()
            self.assertLessEqual(error.item(), 1e-4, name)

    def test_open_clip_reads_what_convert_writes(self):
        golden = GOLDEN / "openai_vit"
        written = self.folder / "written.safetensors"
        code, answer = self.tenon("convert", golden / "checkpoint.safetensors", "--to", "openai", "-o", written)
        self.assertEqual(code, 0, answer)
        tensors = safetensors.torch.load_file(written)
        self.assertEqual({tensors[name].dtype for name in ("input_resolution", "context_length", "vocab_size")}, {torch.int64})
        model = build_model_from_openai_state_dict(tensors, cast_dtype=torch.float32).float()
        inputs, expected = (safetensors.torch.load_file(golden / f"{name}.safetensors") for name in ("inputs", "expected"))
        with torch.no_grad():
            outputs = {"image_features": model.encode_image(inputs["pixel_values"]), "text_features": model.encode_text(inputs["input_ids"])}
        for name, tensor in outputs.items():
            error = (tensor - expected[name]).abs().max() / expected[name].abs().max()
            self.assertLessEqual(error.item(), 1e-4, name)


if __name__ == "__main__":
    unittest.main()
