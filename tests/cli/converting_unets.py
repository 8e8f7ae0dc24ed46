"""convert and diff on UNets: every variant in both layouts, there and back, bit for bit."""
import json
import shutil

import _support as support
from _server import document, tenon
from _support import SOURCE, read_safetensors

GOLDENS = SOURCE / "tests" / "golden" / "unet"
VARIANTS = ("sd1", "sd2", "sdxl", "sdxl_refiner", "ssd_1b", "vega", "svd")
PREFIX = "model.diffusion_model."


def bare(tensors):
    """Without the bundle's prefix, which `convert` does not write."""
    return {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}


class ConvertUnets(support.TestCase):
    def convert(self, checkpoint, layout, name, *options):
        out = self.folder / name
        done = tenon("convert", str(checkpoint), "--to", layout, "-o", str(out), *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return out

    def file_of(self, variant, layout):
        """The checkpoint alone, without its config: names and shapes are all that a conversion needs."""
        path = self.folder / f"{variant}.{layout}.safetensors"
        shutil.copyfile(GOLDENS / f"{variant}_{layout}" / "checkpoint.safetensors", path)
        return path

    def test_every_variant_is_written_as_the_other_layout_has_it(self):
        for variant in VARIANTS:
            with self.subTest(variant=variant):
                ldm, diffusers = self.file_of(variant, "ldm"), self.file_of(variant, "diffusers")
                self.assertEqual(bare(read_safetensors(self.convert(diffusers, "ldm", "a.safetensors"))),
                                 bare(read_safetensors(ldm)))
                self.assertEqual(read_safetensors(self.convert(ldm, "diffusers", "b.safetensors")),
                                 read_safetensors(diffusers))

    def test_there_and_back_is_the_same_file(self):
        for variant in VARIANTS:
            with self.subTest(variant=variant):
                start = self.file_of(variant, "diffusers")
                there = self.convert(start, "ldm", "there.safetensors")
                self.assertEqual(read_safetensors(self.convert(there, "diffusers", "back.safetensors")),
                                 read_safetensors(start))

    def test_the_unet_of_a_bundle_is_converted_alone(self):
        tensors = read_safetensors(GOLDENS / "sdxl_ldm" / "checkpoint.safetensors")
        others = {"first_stage_model.decoder.conv_in.weight": ("F32", (8, 4, 3, 3)),
                  "first_stage_model.encoder.down.0.block.0.conv1.weight": ("F32", (8, 8, 3, 3)),
                  "first_stage_model.decoder.up.0.block.0.conv1.weight": ("F32", (8, 8, 3, 3)),
                  "alphas_cumprod": ("F32", (1000,))}
        bundle = self.folder / "bundle.safetensors"
        support.write_safetensors(bundle, tensors | others)
        for argument in (bundle, f"{bundle}::unet"):
            out = self.convert(argument, "diffusers", "unet.safetensors")
            self.assertEqual(read_safetensors(out), read_safetensors(GOLDENS / "sdxl_diffusers" / "checkpoint.safetensors"))

    def test_diff_sees_through_the_names(self):
        for variant in VARIANTS:
            with self.subTest(variant=variant):
                ldm, diffusers = self.file_of(variant, "ldm"), self.file_of(variant, "diffusers")
                code, answer = document("diff", str(ldm), str(diffusers), "--values")
                self.assertEqual((code, answer["identical"]), (0, True), answer)
                tensors = read_safetensors(ldm)
                name = next(n for n in tensors if n.endswith("out.2.bias"))
                dtype, shape, content = tensors[name]
                support.write_safetensors(ldm, tensors | {name: (dtype, shape, bytes(len(content)))})
                code, answer = document("diff", str(ldm), str(diffusers), "--values")
                self.assertEqual(code, 1)
                self.assertEqual([d["tensor"] for d in answer["different"]], ["conv_out.bias"])

    def test_averaged_weights_without_dots_are_the_same_model(self):
        plain = bare(read_safetensors(GOLDENS / "sd1_ldm" / "checkpoint.safetensors"))
        averaged = {"model_ema.diffusion_model" + name.replace(".", ""): tensor for name, tensor in plain.items()}
        counters = {"model_ema.decay": ("F32", ()), "model_ema.num_updates": ("I64", ())}
        path = self.folder / "averaged.safetensors"
        support.write_safetensors(path, averaged | counters)
        out = self.convert(path, "diffusers", "unet.safetensors")
        self.assertEqual(read_safetensors(out), read_safetensors(GOLDENS / "sd1_diffusers" / "checkpoint.safetensors"))

    def test_both_copies_of_a_training_checkpoint_are_parts(self):
        plain = read_safetensors(GOLDENS / "sd1_ldm" / "checkpoint.safetensors")
        averaged = {"model_ema.diffusion_model" + name.removeprefix(PREFIX).replace(".", ""): tensor
                    for name, tensor in plain.items()}
        path = self.folder / "training.safetensors"
        support.write_safetensors(path, plain | averaged)
        code, answer = document("inspect", str(path))
        self.assertEqual(code, 0)
        self.assertEqual({(p["part"], p["family"], p["layout"], p["tensors"]) for p in answer["parts"]},
                         {("unet", "unet", "ldm", len(plain)), ("ema", "unet", "ldm", len(plain))})
        self.assertEqual(read_safetensors(self.convert(f"{path}::ema", "diffusers", "a.safetensors")),
                         read_safetensors(self.convert(path, "diffusers", "b.safetensors")))

    def test_a_conversion_needs_no_value_of_the_forward(self):
        """Neither heads nor norm groups can be told from these widths; names do not depend on them."""
        path = self.file_of("sd1", "diffusers")
        code, answer = document("check", str(path))
        self.assertEqual((code, answer["loadable"]), (0, False), answer)
        code, answer = document("inspect", str(path))
        self.assertIn("norm_num_groups", [u["what"] for u in answer["parts"][0]["undecidable"]])
        code, answer = document("load", str(path))
        self.assertEqual((code, answer["diagnosis"][0]["id"]), (1, "TN-D-UNDECIDABLE"))
        self.convert(path, "ldm", "a.safetensors")
        settings = json.loads((GOLDENS / "sd1_diffusers" / "golden.json").read_text())["set"]
        options = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        self.assertEqual(document("load", str(path), *options)[0], 0)

    def test_another_epsilon_of_video_is_said(self):
        code, answer = document("convert", str(self.file_of("svd", "diffusers")), "--to", "ldm", "-o", str(self.folder / "a.safetensors"))
        self.assertEqual(code, 0)
        self.assertIn("norm_eps", json.dumps(answer["findings"]))


if __name__ == "__main__":
    support.main()
