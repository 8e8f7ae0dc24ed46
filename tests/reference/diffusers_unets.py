"""UNets made by diffusers on the spot: the same outputs in full and half precision, and the same names in both layouts as
diffusers' own converter gives. SVD's temporal names, which that converter does not know, are held against
tests/golden/unet/ldm.py, which its goldens prove."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["TENON_SOURCE_DIR"])
TENON = os.environ["TENON"]
sys.path.insert(0, str(SOURCE / "tests" / "golden" / "unet"))
import ldm

import safetensors.torch
import torch
from diffusers import UNet2DConditionModel, UNetSpatioTemporalConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

TOLERANCE = 1e-4
# Rounding errors of two orders of summation are independent: between one and two times the reference's own.
HALF_FACTOR = 2.0
CONTEXT, TEXT, ID = 24, 16, 8

IMAGE = dict(sample_size=8, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=(32, 64, 64),
             cross_attention_dim=CONTEXT)
ALL_BUT_LAST = dict(down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
                    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"))
ALL_BUT_FIRST = dict(down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                     up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                     attention_head_dim=[2, 4, 4], use_linear_projection=True, addition_embed_type="text_time",
                     addition_time_embed_dim=ID, projection_class_embeddings_input_dim=TEXT + 6 * ID)
BARE_MIDDLE = dict(mid_block_type="UNetMidBlock2D", transformer_layers_per_block=[1, [1, 1], [2, 2]])
MODELS = {
    "sd1": (UNet2DConditionModel, IMAGE | ALL_BUT_LAST | dict(attention_head_dim=8)),
    "sd1-in9": (UNet2DConditionModel, IMAGE | ALL_BUT_LAST | dict(attention_head_dim=8, in_channels=9)),
    "sd2": (UNet2DConditionModel, IMAGE | ALL_BUT_LAST | dict(attention_head_dim=[2, 4, 4], use_linear_projection=True)),
    "sdxl": (UNet2DConditionModel, IMAGE | ALL_BUT_FIRST | dict(transformer_layers_per_block=[1, 1, 2])),
    "sdxl-refiner": (UNet2DConditionModel, IMAGE | ALL_BUT_FIRST | dict(
        block_out_channels=(32, 64, 64, 64), attention_head_dim=[2, 4, 4, 4], transformer_layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        projection_class_embeddings_input_dim=TEXT + 5 * ID)),
    "ssd-1b": (UNet2DConditionModel, IMAGE | ALL_BUT_FIRST | BARE_MIDDLE | dict(
        reverse_transformer_layers_per_block=[[2, 2, 3], [2, 1, 1], 1])),
    "vega": (UNet2DConditionModel, IMAGE | ALL_BUT_FIRST | BARE_MIDDLE | dict(
        reverse_transformer_layers_per_block=[[2, 2, 2], [1, 1, 1], 1])),
    "svd": (UNetSpatioTemporalConditionModel, dict(
        sample_size=8, in_channels=8, out_channels=4, layers_per_block=2, block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"), cross_attention_dim=CONTEXT,
        addition_time_embed_dim=ID, projection_class_embeddings_input_dim=3 * ID, num_attention_heads=[2, 4], num_frames=3)),
}


def model_of(name):
    torch.manual_seed(0)
    kind, config = MODELS[name]
    return kind(**config).eval()


def inputs_of(model, seed=1):
    config, generator = model.config, torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(*shape, generator=generator)
    video = isinstance(model, UNetSpatioTemporalConditionModel)
    frames = (3,) if video else ()
    inputs = {"sample": random(2, *frames, config.in_channels, 16, 8), "timestep": torch.tensor([7, 613]),
              "encoder_hidden_states": random(2, 1 if video else 5, CONTEXT)}
    if video:
        inputs["added_time_ids"] = torch.tensor([[6.0, 127.0, 0.02], [11.0, 30.0, 0.1]])
    elif config.addition_embed_type:
        ids = (config.projection_class_embeddings_input_dim - TEXT) // ID
        inputs |= {"text_embeds": random(2, TEXT), "time_ids": 64 * torch.rand(2, ids, generator=generator)}
    return inputs


@torch.no_grad()
def outputs_of(model, inputs, dtype=torch.float32):
    kept = ("timestep", "added_time_ids", "time_ids")
    given = {k: v if k in kept else v.to(dtype) for k, v in inputs.items()}
    call = {k: given[k] for k in ("sample", "timestep", "encoder_hidden_states", "added_time_ids") if k in given}
    if "time_ids" in given:
        call["added_cond_kwargs"] = {k: given[k] for k in ("text_embeds", "time_ids")}
    return model(**call).sample.float()


def tenon(*arguments):
    done = subprocess.run([TENON, *map(str, arguments)], capture_output=True)
    assert done.returncode == 0, (done.stderr + done.stdout).decode()


def distance(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


class Unets(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory(prefix="tenon-reference-")
        self.addCleanup(held.cleanup)
        self.folder = Path(held.name)

    def outputs_of_tenon(self, checkpoint, inputs, *options):
        safetensors.torch.save_file({k: v.contiguous() for k, v in inputs.items()}, self.folder / "in.safetensors")
        out = self.folder / "out.safetensors"
        tenon("run", checkpoint, "--inputs", self.folder / "in.safetensors", "--outputs", out, *options)
        return safetensors.torch.load_file(out)["sample"]

    def test_every_variant_gives_the_same_output(self):
        for name in MODELS:
            with self.subTest(name):
                model = model_of(name)
                model.save_pretrained(self.folder / name)
                inputs = inputs_of(model)
                found = self.outputs_of_tenon(self.folder / name, inputs)
                self.assertLess(distance(found, outputs_of(model, inputs)), TOLERANCE)

    def test_half_precision_errs_as_little_as_the_reference(self):
        for name in MODELS:
            model = model_of(name)
            model.save_pretrained(self.folder / name)
            inputs = inputs_of(model)
            exact = outputs_of(model, inputs)
            for option, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
                with self.subTest(name, dtype=option):
                    reference = distance(outputs_of(model_of(name).to(dtype), inputs, dtype), exact)
                    found = distance(self.outputs_of_tenon(self.folder / name, inputs, "--dtype", option), exact)
                    print(f"{name} {option}: error {found:.1e}, the reference's {reference:.1e}")
                    self.assertGreater(found, TOLERANCE / 10)  # it was computed in half precision at all
                    self.assertLess(found, HALF_FACTOR * reference)

    def test_converted_names_are_those_that_diffusers_reads(self):
        for name in MODELS:
            with self.subTest(name):
                model = model_of(name)
                state = model.state_dict()
                model.save_pretrained(self.folder / name)
                written = self.folder / f"{name}.ldm.safetensors"
                tenon("convert", self.folder / name, "--to", "ldm", "-o", written)
                found = safetensors.torch.load_file(written)
                wanted = ldm.to_ldm(list(state), model.config.layers_per_block)
                self.assert_same({ldm.PREFIX + wanted[k]: v for k, v in state.items()},
                                 {k if k.startswith(ldm.PREFIX) else ldm.PREFIX + k: v for k, v in found.items()})
                self.assert_diffusers_reads(model, found)

    def assert_diffusers_reads(self, model, found):
        config, state = dict(model.config), model.state_dict()
        if isinstance(model, UNetSpatioTemporalConditionModel):
            config["addition_embed_type"] = "text_time"
            found = {k: v for k, v in found.items() if not re.search(r"\.time_stack\.|\.time_mixer\.|\.time_pos_embed\.", k)}
            state = {k.replace(".spatial_res_block", ""): v for k, v in state.items()
                     if not re.search("temporal_|time_mixer|time_pos_embed", k)}
        prefixed = {k if k.startswith(ldm.PREFIX) else ldm.PREFIX + k: v for k, v in found.items()}
        self.assert_same(state, convert_ldm_unet_checkpoint(prefixed, config))

    def assert_same(self, wanted, found):
        self.assertEqual(set(wanted), set(found))
        for name, tensor in wanted.items():
            self.assertTrue(torch.equal(tensor, found[name]), name)

    def test_what_is_read_from_a_bundle_is_what_diffusers_reads_from_it(self):
        for name in MODELS:
            with self.subTest(name):
                model = model_of(name)
                state = model.state_dict()
                names = ldm.to_ldm(list(state), model.config.layers_per_block)
                bundle = {ldm.PREFIX + names[k]: v for k, v in state.items()}
                bundle |= {"first_stage_model.decoder.conv_in.weight": torch.zeros(8, 4, 3, 3),
                           "first_stage_model.decoder.up.0.block.0.conv1.weight": torch.zeros(8, 8, 3, 3),
                           "first_stage_model.encoder.down.0.block.0.conv1.weight": torch.zeros(8, 8, 3, 3),
                           "betas": torch.zeros(1000)}
                path = self.folder / "bundle.safetensors"
                safetensors.torch.save_file(bundle, path)
                out = self.folder / "back.safetensors"
                tenon("convert", f"{path}::unet", "--to", "diffusers", "-o", out)
                self.assert_same(state, safetensors.torch.load_file(out))

    def test_the_whole_of_sd1_at_64_by_64(self):
        torch.manual_seed(0)
        model = UNet2DConditionModel(cross_attention_dim=768, sample_size=64).eval()
        self.assertEqual(sum(p.numel() for p in model.parameters()), 859_520_964)
        model.save_pretrained(self.folder / "sd1")
        generator = torch.Generator().manual_seed(1)
        inputs = {"sample": torch.randn(1, 4, 64, 64, generator=generator), "timestep": torch.tensor([481]),
                  "encoder_hidden_states": torch.randn(1, 77, 768, generator=generator)}
        expected = outputs_of(model, inputs)
        del model
        found = self.outputs_of_tenon(self.folder / "sd1", inputs)
        print(f"SD1, 64 by 64 latents: error {distance(found, expected):.1e} of the maximum")
        self.assertLess(distance(found, expected), TOLERANCE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
