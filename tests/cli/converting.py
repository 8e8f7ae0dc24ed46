"""convert: the same weights in another layout."""
import os

import _support as support
from _server import document, tenon
from _support import DIGITS, SOURCE, read_safetensors

TIMM = str(DIGITS / "timm" / "model.safetensors")
TRANSFORMERS = str(DIGITS / "transformers")


class Convert(support.TestCase):
    def setUp(self):
        super().setUp()
        self.out = str(self.folder / "out.safetensors")

    def convert(self, checkpoint, layout, *options):
        done = tenon("convert", checkpoint, "--to", layout, "-o", self.out, *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return read_safetensors(self.out)

    def test_each_layout_is_written_bit_for_bit_as_its_own_library_wrote_it(self):
        for source, layout, reference in ((TIMM, "transformers", TRANSFORMERS + "/model.safetensors"),
                                          (TRANSFORMERS, "timm", TIMM),
                                          (str(DIGITS / "training" / "checkpoint.pt"), "timm", TIMM)):
            with self.subTest(source=source, layout=layout):
                self.assertEqual(self.convert(source, layout), read_safetensors(reference))

    def test_a_template_that_is_met_or_not(self):
        self.convert(TIMM, "transformers", "--against", TRANSFORMERS)
        os.unlink(self.out)
        code, answer = document("convert", TIMM, "--to", "timm", "-o", self.out, "--against", TRANSFORMERS)
        self.assertEqual((code, answer["error"], answer["verdict"]), (1, None, "refused"))
        self.assertEqual(answer["schema"], "tenon.convert/1")
        self.assertEqual(answer["diagnosis"][0]["id"], "TN-D-AGAINST")
        ids = {finding["id"] for finding in answer["findings"]}
        self.assertLessEqual({"TN-AGAINST-MISSING", "TN-AGAINST-UNEXPECTED"}, ids)
        self.assertNotIn("TN-AGAINST-SHAPE", ids)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_template_of_another_shape(self):
        template = str(self.folder / "template.safetensors")
        tensors = read_safetensors(TIMM)
        tensors["head.bias"] = ("F32", [12])
        support.write_safetensors(template, tensors)
        code, answer = document("convert", TIMM, "--to", "timm", "-o", self.out, "--against", template)
        self.assertEqual(code, 1)
        self.assertEqual([f["source"] for f in answer["findings"] if f["id"] == "TN-AGAINST-SHAPE"], ["head.bias"])

    def test_a_value_that_a_reader_of_the_new_layout_would_take_otherwise_is_said(self):
        svd = SOURCE / "tests" / "golden" / "unet" / "svd_ldm"
        code, answer = document("convert", str(svd / "checkpoint.safetensors"), "--config", str(svd / "config.yaml"), "--to", "diffusers",
                                "-o", self.out)
        self.assertEqual(code, 0, answer)
        self.assertEqual([f["target"] for f in answer["findings"] if f["id"] == "TN-LAYOUT-VALUE"], ["norm_eps"])

    def test_a_dtype_is_written(self):
        self.assertEqual({dtype for dtype, _, _ in self.convert(TIMM, "timm", "--dtype", "fp16").values()}, {"F16"})

    def test_a_layout_that_does_not_exist(self):
        done = tenon("convert", TIMM, "--to", "tim", "-o", self.out)
        self.assert_one_line(done, 4, '"tim"', "did you mean timm?", "[TN-LAYOUT]")
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_layout_that_cannot_say_this_model(self):
        code, answer = document("convert", TIMM, "--to", "internvit", "-o", self.out)
        self.assertEqual((code, answer["error"]["code"]), (4, "TN-CONVERT-LAYOUT"))
        self.assertIn('"head.bias"', answer["error"]["message"])
        self.assertEqual(os.listdir(self.folder), [])

    def test_an_output_that_is_the_input(self):
        path = self.copy_digits()
        before = path.read_bytes()
        self.assert_one_line(tenon("convert", str(path), "--to", "transformers", "-o", str(path)), 4, "input")
        directory = str(path.parent)
        self.assert_one_line(tenon("convert", directory, "--to", "transformers", "-o", str(path)), 4, "input")
        self.assertEqual(path.read_bytes(), before)


if __name__ == "__main__":
    support.main()
