"""Names and paths with unusual bytes, and CKPT::part."""
import json
import os
import shutil

import _support as support
from _support import DIGITS, document, tenon

TRAINING = str(DIGITS / "training" / "checkpoint.pt")


class Paths(support.TestCase):
    def test_bytes_that_are_not_utf8_appear_escaped(self):
        path = os.fsencode(self.folder) + b"/caf\xe9.safetensors"
        shutil.copyfile(DIGITS / "timm" / "model.safetensors", path)
        done = tenon("inspect", path, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("caf\\xe9.safetensors", json.loads(done.stdout.decode("utf-8"))["checkpoint"]["path"])
        done.stdout.decode("ascii")
        self.assertIn(b"caf\\xe9", tenon("inspect", path + b"x").stderr)

    def test_control_characters_never_reach_the_terminal(self):
        path = str(self.folder / "a\x1b[31m\nb.safetensors")
        shutil.copyfile(DIGITS / "timm" / "model.safetensors", path)
        for verb in ("inspect", "ls", "check"):
            with self.subTest(verb=verb):
                done = tenon(verb, path)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn(b"\x1b", done.stdout + done.stderr)
        support.write_safetensors(path, {"w\x1b]0;\n\u202e": ("F32", [2])})
        done = tenon("ls", path)
        self.assertEqual(done.returncode, 0)
        self.assertNotIn(b"\x1b", done.stdout)
        self.assertNotIn("\u202e".encode(), done.stdout)
        code, answer = document("ls", path)
        self.assertEqual([t["name"] for t in answer["tensors"]], ["w\x1b]0;\n\u202e"])

    def test_renaming_a_file_changes_nothing_but_its_path(self):
        answers = []
        for name in ("model.safetensors", "photomaker-v2.bin", "unet.ckpt"):
            code, answer = document("inspect", str(self.copy_digits(name=name, with_config=False)))
            answer.pop("checkpoint")
            answers.append((code, answer))
            os.unlink(self.folder / "timm" / name)
        self.assertEqual(answers[0][0], 0)
        self.assertEqual(answers[1], answers[0])
        self.assertEqual(answers[2], answers[0])


class Parts(support.TestCase):
    def test_a_part_is_selected_by_its_name(self):
        code, whole = document("inspect", TRAINING)
        self.assertEqual(code, 0)
        self.assertLess({"model"}, {p["part"] for p in whole["parts"]})
        code, answer = document("inspect", TRAINING + "::model")
        self.assertEqual((code, [p["part"] for p in answer["parts"]]), (0, ["model"]))
        self.assertEqual(tenon("check", TRAINING + "::model").returncode, 0)
        code, answer = document("ls", TRAINING + "::model")
        self.assertTrue(answer["tensors"])
        for tensor in answer["tensors"]:
            self.assertTrue(tensor["name"].startswith("state_dict.module."), tensor["name"])

    def test_a_part_that_is_recognised_but_not_built_is_refused(self):
        code, answer = document("check", TRAINING + "::optimizer")
        self.assertEqual((code, answer["error"]), (1, None))
        self.assertTrue(answer["diagnosis"])

    def test_a_path_that_holds_two_colons_is_a_path(self):
        path = str(self.copy_digits(name="a::model"))
        self.assertEqual(tenon("check", path).returncode, 0)
        self.assertEqual(tenon("check", path + "::model").returncode, 0)
        self.assert_one_line(tenon("check", path + "::unet"), 4, "unet")


if __name__ == "__main__":
    support.main()
