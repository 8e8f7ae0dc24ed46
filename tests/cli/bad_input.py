"""Bad input as a new user meets it: one clear line, the right exit code, nothing written."""
import os
import pathlib

import _support as support
from _support import document, tenon


class Paths(support.TestCase):
    def test_a_path_that_does_not_exist(self):
        absent = str(self.folder / "absent.safetensors")
        for verb in ("inspect", "ls", "check", "load"):
            with self.subTest(verb=verb):
                self.assert_one_line(tenon(verb, absent), 2, "absent.safetensors", "IO-NOTFOUND")
                code, answer = document(verb, absent)
                self.assertEqual((code, answer["error"]["code"]), (2, "IO-NOTFOUND"))
                self.assertEqual(answer["schema"], f"tenon.{verb}/1")

    def test_an_empty_path(self):
        for verb in ("inspect", "ls", "check", "load"):
            with self.subTest(verb=verb):
                self.assert_one_line(tenon(verb, ""), 2, "IO-NOTFOUND")

    def test_an_empty_directory(self):
        for verb in ("inspect", "check"):
            with self.subTest(verb=verb):
                self.assert_one_line(tenon(verb, str(self.folder)), 2, self.folder.name)

    def test_a_text_file(self):
        path = self.folder / "notes.txt"
        path.write_text("These are not weights.\n" * 9)
        for verb in ("inspect", "ls", "check"):
            with self.subTest(verb=verb):
                self.assert_one_line(tenon(verb, str(path)), 2, "notes.txt")

    def test_a_truncated_file(self):
        whole = self.copy_digits()
        self.assertEqual(tenon("check", str(whole)).returncode, 0)
        content = whole.read_bytes()
        for length in (4, 100, len(content) - 1):
            with self.subTest(length=length):
                whole.write_bytes(content[:length])
                for verb in ("inspect", "check"):
                    self.assert_one_line(tenon(verb, str(whole)), 2, "model.safetensors")

    def test_something_that_is_no_file(self):
        fifo = self.folder / "pipe"
        os.mkfifo(fifo)
        self.assert_one_line(tenon("inspect", str(fifo)), 2, "IO-NOTAFILE")
        self.assert_one_line(tenon("check", "/dev/zero"), 2, "IO-NOTAFILE")


class Requests(support.TestCase):
    def setUp(self):
        super().setUp()
        self.model = str(self.copy_digits())
        self.assertEqual(tenon("check", self.model).returncode, 0)

    def test_a_policy_with_a_wrong_key_is_named_with_line_and_column(self):
        policy = self.folder / "gate.yaml"
        policy.write_text("tenon_policy: 1\nbase: strict\nfail_on: error\n")
        done = tenon("check", self.model, "--policy", str(policy))
        self.assert_one_line(done, 4, "gate.yaml:3:1", "fail_on")
        policy.write_text("tenon_policy: 1\nbase: strict\nfail_at: error\n")
        self.assertEqual(tenon("check", self.model, "--policy", str(policy)).returncode, 0)

    def test_a_policy_that_does_not_exist(self):
        self.assert_one_line(tenon("check", self.model, "--policy", "strikt"), 4, '"strikt"', "did you mean strict?")

    def test_a_family_that_does_not_exist(self):
        self.assert_one_line(tenon("check", self.model, "--as", "vitt"), 4, '"vitt"', "did you mean vit?")
        self.assertEqual(tenon("check", self.model, "--as", "vit").returncode, 0)

    def test_a_variant_that_does_not_exist(self):
        self.assert_one_line(tenon("check", self.model, "--as", "vit/vit_huge_patch1"), 4, "vit_huge_patch1")

    def test_a_config_that_does_not_exist(self):
        self.assert_one_line(tenon("check", self.model, "--config", str(self.folder / "no.json")), 4, "no.json")

    def test_a_hash_that_differs(self):
        done = tenon("load", self.model, "--sha256", "0" * 64)
        self.assertEqual(done.returncode, 5, done.stderr)
        code, answer = document("load", self.model, "--sha256", "0" * 64)
        self.assertEqual(code, 5)
        self.assertIsNotNone(answer["error"])

    def test_an_unknown_part(self):
        self.assert_one_line(tenon("inspect", self.model + "::unet"), 4, '"unet"')
        self.assert_one_line(tenon("check", self.model + "::unet"), 4, "unet")

    def test_a_device_that_is_not_there(self):
        hidden = {"CUDA_VISIBLE_DEVICES": ""}
        self.assert_one_line(tenon("load", self.model, "--device", "cuda", env=hidden), 6, "cuda")
        code, answer = document("load", self.model, "--device", "cuda:77")
        self.assertEqual(code, 6)
        self.assertIn("cuda", answer["error"]["message"])


class Outputs(support.TestCase):
    def setUp(self):
        super().setUp()
        self.model = str(self.copy_digits())
        self.inputs = str(support.DIGITS / "heldout.safetensors")

    def run_to(self, path):
        return tenon("run", self.model, "--inputs", self.inputs, "--outputs", str(path))

    def test_a_folder_that_does_not_exist(self):
        self.assert_one_line(self.run_to(self.folder / "no" / "out.safetensors"), 2, "no such folder")
        self.assertFalse((self.folder / "no").exists())

    def test_a_folder_that_cannot_be_written(self):
        # /proc takes no files, whoever asks.
        done = self.run_to("/proc/self/out.safetensors")
        self.assertEqual(done.returncode, 2, done.stderr)

    def test_a_directory_as_output(self):
        self.assert_one_line(self.run_to(self.folder), 2, "a directory")

    def test_an_output_that_is_an_input(self):
        before = pathlib.Path(self.model).read_bytes()
        link = self.folder / "link.safetensors"
        link.symlink_to(self.model)
        for path in (self.model, link, self.inputs):
            with self.subTest(path=path):
                self.assert_one_line(self.run_to(path), 4, "input")
        self.assertEqual(pathlib.Path(self.model).read_bytes(), before)

    def test_inputs_that_do_not_fit(self):
        wrong = self.folder / "wrong.safetensors"
        out = self.folder / "out.safetensors"
        cases = {
            "name": {"pixels": ("F32", [1, 1, 8, 8])},
            "rank": {"pixel_values": ("F32", [1, 8, 8])},
            "channels": {"pixel_values": ("F32", [1, 3, 8, 8])},
            "dtype": {"pixel_values": ("I64", [1, 1, 8, 8])},
        }
        for what, tensors in cases.items():
            with self.subTest(what=what):
                support.write_safetensors(wrong, tensors)
                done = tenon("run", self.model, "--inputs", str(wrong), "--outputs", str(out))
                self.assert_one_line(done, 4, "pixel_values")
                self.assertFalse(out.exists())

    def test_inputs_that_are_no_safetensors_file(self):
        notes = self.folder / "notes.txt"
        notes.write_text("no tensors here\n")
        done = tenon("run", self.model, "--inputs", str(notes), "--outputs", str(self.folder / "o.safetensors"))
        self.assert_one_line(done, 4, "notes.txt")


if __name__ == "__main__":
    support.main()
