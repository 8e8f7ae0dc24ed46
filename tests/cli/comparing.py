"""diff: two checkpoints through their mappings."""
import struct

import _support as support
from _server import document, tenon
from _support import DIGITS, read_safetensors
from _torch_file import Tensor, torch_zip

TIMM = str(DIGITS / "timm")
TRANSFORMERS = str(DIGITS / "transformers")


class Diff(support.TestCase):
    def changed(self, change):
        """A copy of the timm file after `change(tensors)`."""
        path = self.copy_digits()
        tensors = read_safetensors(path)
        change(tensors)
        support.write_safetensors(path, tensors)
        return str(path)

    def test_one_model_in_three_namings_is_identical(self):
        for other in (TRANSFORMERS, str(DIGITS / "training" / "checkpoint.pt")):
            for options in ([], ["--values"]):
                with self.subTest(other=other, options=options):
                    code, answer = document("diff", TIMM, other, *options)
                    self.assertEqual(code, 0, answer)
                    self.assertEqual((answer["schema"], answer["error"]), ("tenon.diff/1", None))
                    self.assertEqual((answer["identical"], answer["matched"]), (True, 44))
                    self.assertEqual((answer["only_in_a"], answer["only_in_b"], answer["different"]), ([], [], []))

    def test_a_renamed_tensor_is_in_one_file_only(self):
        def rename(tensors):
            tensors["blocks.0.norm_1.bias"] = tensors.pop("blocks.0.norm1.bias")

        code, answer = document("diff", self.changed(rename), TRANSFORMERS)
        self.assertEqual((code, answer["identical"]), (1, False))
        self.assertEqual((answer["only_in_a"], answer["only_in_b"]), (["blocks.0.norm_1.bias"], ["blocks.0.norm1.bias"]))

    def test_shapes_and_dtypes_differ(self):
        def cut(tensors):
            dtype, shape, data = tensors["head.bias"]
            tensors["head.bias"] = (dtype, [7], data[:28])
            dtype, shape, data = tensors["norm.bias"]
            tensors["norm.bias"] = ("F16", shape, data[:len(data) // 2])

        code, answer = document("diff", self.changed(cut), TRANSFORMERS)
        self.assertEqual(code, 1)
        found = {d["tensor"]: (d["what"], d["a"], d["b"]) for d in answer["different"]}
        self.assertEqual(found, {"head.bias": ("shape", "[7]", "[10]"), "norm.bias": ("dtype", "F16", "F32")})

    def test_values_are_compared_within_the_tolerance(self):
        def nudge(tensors):
            dtype, shape, data = tensors["norm.bias"]
            values = support.floats(data)
            values[3] += 0.25
            values[5] = float("nan")
            tensors["norm.bias"] = (dtype, shape, values.tobytes())

        path = self.changed(nudge)
        self.assertEqual(document("diff", path, TRANSFORMERS)[0], 0)
        code, answer = document("diff", path, TRANSFORMERS, "--values")
        self.assertEqual(code, 1)
        self.assertEqual([(d["tensor"], d["what"]) for d in answer["different"]], [("norm.bias", "value")])
        code, answer = document("diff", path, path, "--values")
        self.assertEqual((code, answer["identical"]), (0, True))

    def test_a_tolerance_takes_what_is_below_it(self):
        def nudge(tensors):
            dtype, shape, data = tensors["norm.bias"]
            values = support.floats(data)
            values[3] += 0.25
            tensors["norm.bias"] = (dtype, shape, values.tobytes())

        path = self.changed(nudge)
        code, answer = document("diff", path, TIMM, "--values", "--atol", "0.2")
        self.assertEqual(code, 1)
        self.assertAlmostEqual(answer["different"][0]["max_abs"], 0.25, places=5)
        self.assertEqual(document("diff", path, TIMM, "--values", "--atol", "0.3")[0], 0)

    def test_unidentified_checkpoints_are_compared_by_their_file_names(self):
        a, b = str(self.folder / "a.safetensors"), str(self.folder / "b.safetensors")
        support.write_safetensors(a, {"x": ("F32", [2]), "y": ("I64", [1])})
        support.write_safetensors(b, {"x": ("F32", [2]), "z": ("I64", [1])})
        code, answer = document("diff", a, b)
        self.assertEqual((code, answer["matched"], answer["only_in_a"], answer["only_in_b"]), (1, 1, ["y"], ["z"]))
        self.assertEqual(document("diff", a, a)[0], 0)

    def test_a_damaged_archive_is_an_error_and_no_difference(self):
        sound = torch_zip({"w": Tensor("F32", [2], content=struct.pack("<2f", 1, 2))})
        damaged = sound.replace(struct.pack("<2f", 1, 2), struct.pack("<2f", 1, 3))
        self.assertNotEqual(sound, damaged)
        for name, content in (("a.pt", sound), ("b.pt", sound), ("c.pt", damaged)):
            (self.folder / name).write_bytes(content)
        a, b, c = (str(self.folder / name) for name in ("a.pt", "b.pt", "c.pt"))
        self.assertEqual(tenon("diff", a, b, "--values").returncode, 0)
        self.assert_one_line(tenon("diff", a, c, "--values"), 2, "c.pt", '"w"', "[ZP-CRC]")

    def test_an_unreadable_side_is_an_error(self):
        self.assert_one_line(tenon("diff", TIMM, str(self.folder / "absent")), 2, "IO-NOTFOUND")
        self.assert_one_line(tenon("diff", TIMM, str(self.folder / "absent"), "--values"), 2, "IO-NOTFOUND")


if __name__ == "__main__":
    support.main()
