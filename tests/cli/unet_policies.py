"""Policies where UNets need them: first convolutions of other channels, and what is said of what is lost."""
import json
import shutil

import _support as support
from _server import document, tenon
from _support import SOURCE, floats, read_safetensors

GOLDENS = SOURCE / "tests" / "golden" / "unet"


def settings(name):
    values = json.loads((GOLDENS / name / "golden.json").read_text())["set"]
    return [word for key, value in values.items() for word in ("--set", f"{key}={json.dumps(value)}")]


class Policies(support.TestCase):
    def unet(self, name):
        path = self.folder / f"{name}.safetensors"
        if not path.exists():
            shutil.copyfile(GOLDENS / name / "checkpoint.safetensors", path)
        return str(path)

    def report(self, verb, name, *options):
        return document(verb, self.unet(name), *settings(name), *options)

    def finding_of(self, answer, target="conv_in.weight"):
        found = [f for f in answer["findings"] if f["target"] == target and f["kind"] == "shape"]
        self.assertEqual(len(found), 1, answer["findings"])
        return found[0]

    def run_it(self, name, inputs, *options):
        given = self.folder / "in.safetensors"
        support.write_safetensors(given, inputs)
        out = self.folder / "out.safetensors"
        done = tenon("run", self.unet(name), *settings(name), "--inputs", str(given), "--outputs", str(out), *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return floats(read_safetensors(out)["sample"][2])

    def with_more_channels(self, name, channels):
        """The golden's inputs with arbitrary numbers in the channels that are added."""
        inputs = read_safetensors(GOLDENS / name / "inputs.safetensors")
        dtype, (count, had, height, width), content = inputs["sample"]
        image = height * width * 4
        filler = floats(content)[:(channels - had) * height * width].tobytes()
        parts = [content[i * had * image:(i + 1) * had * image] + filler for i in range(count)]
        return inputs | {"sample": (dtype, [count, channels, height, width], b"".join(parts))}

    def test_strict_refuses_other_channels_and_names_both(self):
        code, answer = self.report("check", "sd1_fp32_diffusers", "--set", "in_channels=9")
        self.assertEqual((code, answer["verdict"]), (1, "refused"))
        finding = self.finding_of(answer)
        self.assertEqual((finding["expected"]["shape"], finding["found"]["shape"]), ([8, 9, 3, 3], [8, 4, 3, 3]))
        code, answer = self.report("check", "sd1_fp32_diffusers", "--set", "in_channels=4")
        self.assertEqual((code, answer["verdict"]), (0, "accepted"))

    def test_four_channels_into_nine_keep_the_model_what_it_was(self):
        options = ("--set", "in_channels=9", "--policy", "lenient")
        code, answer = self.report("load", "sd1_fp32_diffusers", *options)
        self.assertEqual((code, answer["verdict"]), (0, "accepted-with-waivers"), answer)
        self.assertEqual(self.finding_of(answer)["action"], "inflate")
        self.assertIn("channels 4 to 8 are new", self.finding_of(answer)["message"])
        found = self.run_it("sd1_fp32_diffusers", self.with_more_channels("sd1_fp32_diffusers", 9), *options)
        expected = floats(read_safetensors(GOLDENS / "sd1_fp32_diffusers" / "expected.safetensors")["sample"][2])
        self.assertLess(max(abs(a - b) for a, b in zip(found, expected)), 1e-4 * max(map(abs, expected)))

    def test_nine_channels_into_four_say_what_is_cut(self):
        code, answer = self.report("load", "sd1_in9_diffusers", "--set", "in_channels=4", "--policy", "lenient")
        self.assertEqual((code, answer["verdict"]), (0, "accepted-with-waivers"), answer)
        finding = self.finding_of(answer)
        self.assertEqual((finding["expected"]["shape"], finding["found"]["shape"]), ([8, 4, 3, 3], [8, 9, 3, 3]))
        self.assertIn("channels 4 to 8 are left out", finding["message"])

    def test_video_in_four_channels_spells_out_the_loss(self):
        for layout in ("svd_diffusers", "svd_ldm"):
            with self.subTest(layout=layout):
                code, answer = self.report("load", layout, "--set", "in_channels=4")
                self.assertEqual((code, answer["verdict"]), (1, "refused"))
                code, answer = self.report("load", layout, "--set", "in_channels=4", "--policy", "ignore_mismatched_sizes")
                self.assertEqual((code, answer["verdict"]), (0, "accepted-with-waivers"), answer)
                finding = self.finding_of(answer)
                self.assertEqual((finding["action"], finding["severity"]), ("fill", "warning"))
                self.assertEqual((finding["expected"]["shape"], finding["found"]["shape"]), ([8, 4, 3, 3], [8, 8, 3, 3]))
                self.assertIn("none of the file's 576 values is kept", finding["message"])
                filled = [t for t in answer["tensors"] if t["origin"] == "filled"]
                self.assertEqual([t["target"] for t in filled], ["conv_in.weight"])
                self.assertEqual((answer["audit"]["nan"], answer["audit"]["inf"]), (0, 0))

    def test_what_is_filled_is_the_same_every_time_and_no_noise(self):
        inputs = read_safetensors(GOLDENS / "sd1_fp32_diffusers" / "inputs.safetensors")
        dtype, (count, had, height, width), content = inputs["sample"]
        half = {**inputs, "sample": (dtype, [count, had // 2, height, width], content[:len(content) // 2])}
        options = ("--set", "in_channels=2", "--policy", "ignore_mismatched_sizes")
        first = self.run_it("sd1_fp32_diffusers", half, *options)
        self.assertEqual(first, self.run_it("sd1_fp32_diffusers", half, *options))
        self.assertLess(max(map(abs, first)), 100)

    def test_hf_like_fills_and_drops_with_a_warning_each_and_still_refuses_shapes(self):
        path = self.folder / "changed.safetensors"
        tensors = read_safetensors(GOLDENS / "sd1_fp32_diffusers" / "checkpoint.safetensors")
        del tensors["mid_block.resnets.0.norm1.weight"]
        support.write_safetensors(path, tensors | {"mid_block.resnets.0.norm9.weight": ("F32", (16,))})
        known = settings("sd1_fp32_diffusers")
        self.assertEqual(document("check", str(path), *known)[0], 1)
        code, answer = document("check", str(path), *known, "--policy", "hf-like")
        self.assertEqual((code, answer["verdict"]), (0, "accepted-with-waivers"), answer)
        said = {(f["kind"], f["target"] or f["source"], f["action"], f["severity"]) for f in answer["findings"]}
        self.assertLessEqual({("missing", "mid_block.resnets.0.norm1.weight", "fill", "warning"),
                              ("unexpected", "mid_block.resnets.0.norm9.weight", "drop", "warning")}, said)
        code, answer = self.report("check", "sd1_fp32_diffusers", "--set", "in_channels=9", "--policy", "hf-like")
        self.assertEqual((code, self.finding_of(answer)["severity"]), (1, "error"))

    def test_inputs_of_another_variant_are_refused_before_the_forward(self):
        faults = {
            "sdxl_diffusers": [("time_ids", ("F32", (2, 5)), "TN-INPUT-SHAPE"), ("text_embeds", ("F32", (2, 7)), "TN-INPUT-SHAPE"),
                               ("encoder_hidden_states", ("F32", (2, 5, 768)), "TN-INPUT-SHAPE")],
            "sdxl_refiner_diffusers": [("time_ids", ("F32", (2, 6)), "TN-INPUT-SHAPE")],
            "sd1_fp32_diffusers": [("timestep", ("F32", (3,)), "TN-INPUT-SHAPE"), ("sample", ("F32", (2, 4, 7, 8)), "TN-INPUT-SHAPE"),
                                   ("sample", ("F32", (2, 9, 8, 8)), "TN-INPUT-SHAPE")],
            "svd_diffusers": [("added_time_ids", ("F32", (2, 6)), "TN-INPUT-SHAPE"), ("sample", ("F32", (2, 8, 8, 8)), "TN-INPUT-SHAPE")],
        }
        for name, changes in faults.items():
            right = read_safetensors(GOLDENS / name / "inputs.safetensors")
            self.run_it(name, right)
            for key, instead, code in changes:
                with self.subTest(name=name, input=key, shape=instead[1]):
                    support.write_safetensors(self.folder / "in.safetensors", right | {key: instead})
                    out = self.folder / "refused.safetensors"
                    done = tenon("run", self.unet(name), *settings(name), "--inputs", str(self.folder / "in.safetensors"),
                                 "--outputs", str(out))
                    self.assert_one_line(done, 4, f'input "{key}"', code)
                    self.assertFalse(out.exists())


if __name__ == "__main__":
    support.main()
