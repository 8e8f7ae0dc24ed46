"""run: the same logits from three files, equal to those of timm."""
import array
import os

import _support as support
from _support import DIGITS, floats, read_safetensors, tenon

FORMS = ("timm/model.safetensors", "transformers", "training/checkpoint.pt")
INPUTS = str(DIGITS / "heldout.safetensors")


class Run(support.TestCase):
    def outputs(self, checkpoint, *options):
        out = self.folder / "out.safetensors"
        done = tenon("run", str(checkpoint), "--inputs", INPUTS, "--outputs", str(out), *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return read_safetensors(out)

    def test_three_files_of_one_model_give_the_logits_of_timm(self):
        dtype, shape, content = read_safetensors(DIGITS / "expected.safetensors")["logits"]
        expected = floats(content)
        largest = max(map(abs, expected))
        for form in FORMS:
            with self.subTest(form=form):
                outputs = self.outputs(DIGITS / form)
                self.assertEqual(outputs["logits"][:2], (dtype, shape))
                self.assertLessEqual({"tokens", "features", "logits"}, set(outputs))
                self.assertEqual(outputs["tokens"][1], [360, 17, 48])
                self.assertEqual(outputs["features"][1], [360, 48])
                worst = max(abs(a - b) for a, b in zip(floats(outputs["logits"][2]), expected))
                self.assertLess(worst, 1e-4 * largest)

    def test_it_reads_held_out_digits(self):
        logits = floats(self.outputs(DIGITS / "transformers")["logits"][2])
        labels = array.array("q")
        labels.frombytes(read_safetensors(DIGITS / "labels.safetensors")["labels"][2])
        answers = [max(range(10), key=lambda c, i=i: logits[10 * i + c]) for i in range(len(labels))]
        self.assertGreaterEqual(sum(map(int.__eq__, answers, labels)) / len(labels), 0.95)

    def test_outputs_are_fp32_whatever_the_model_is(self):
        outputs = self.outputs(DIGITS / "transformers", "--dtype", "bf16")
        self.assertEqual({dtype for dtype, _, _ in outputs.values()}, {"F32"})
        exact = floats(self.outputs(DIGITS / "transformers")["logits"][2])
        rounded = floats(outputs["logits"][2])
        self.assertNotEqual(rounded, exact)
        self.assertLess(max(abs(a - b) for a, b in zip(rounded, exact)), 0.05 * max(map(abs, exact)))

    def test_reading_and_mapping_give_the_same_bits(self):
        read = self.outputs(DIGITS / "timm", "--io", "read")
        mapped = self.outputs(DIGITS / "timm", "--io", "mmap", "--threads", "1", "--verify")
        self.assertEqual(set(read), set(mapped))
        worst = max(abs(a - b) for a, b in zip(floats(read["logits"][2]), floats(mapped["logits"][2])))
        self.assertLess(worst, 1e-4)

    def test_an_output_is_replaced_whole(self):
        out = self.folder / "out.safetensors"
        out.write_bytes(b"x" * 10_000_000)
        self.assertIn("logits", self.outputs(DIGITS / "timm"))
        self.assertEqual(os.listdir(self.folder), ["out.safetensors"])

    def test_inputs_are_read_from_a_safetensors_file_only(self):
        out = str(self.folder / "out.safetensors")
        done = tenon("run", str(DIGITS / "timm"), "--inputs", str(DIGITS / "training" / "checkpoint.pt"), "--outputs", out)
        self.assert_one_line(done, 4, "checkpoint.pt", "[TN-INPUT-FILE]")

    def test_a_refused_checkpoint_leaves_no_output(self):
        path = self.copy_digits()
        tensors = read_safetensors(path)
        del tensors["blocks.0.norm1.weight"]
        support.write_safetensors(path, tensors)
        out = self.folder / "out.safetensors"
        done = tenon("run", str(path), "--inputs", INPUTS, "--outputs", str(out))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"blocks.0.norm1.weight", done.stdout)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    support.main()
