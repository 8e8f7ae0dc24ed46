"""Bad input as a new user meets it: one clear line, the right exit code, nothing written."""
import hashlib
import os
import pathlib
import re
import shlex
import struct

import _support as support
from _server import document, tenon
from _support import DIGITS, SOURCE

MODEL = str(DIGITS / "timm" / "model.safetensors")


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

    def test_a_link_is_followed_and_a_link_to_nothing_is_not(self):
        whole = self.copy_digits()
        (self.folder / "link").symlink_to(whole.parent)
        (self.folder / "dangling").symlink_to(self.folder / "gone")
        (self.folder / "loop").symlink_to(self.folder / "loop")
        self.assertEqual(tenon("check", str(self.folder / "link")).returncode, 0)
        self.assert_one_line(tenon("check", str(self.folder / "dangling")), 2, "IO-NOTFOUND")
        self.assert_one_line(tenon("check", str(self.folder / "loop")), 2, "loop")

    def test_a_file_without_tensors_or_elements(self):
        for name, tensors in (("none", {}), ("empty", {"a": ("F32", [0, 3])})):
            with self.subTest(name=name):
                path = str(self.folder / (name + ".safetensors"))
                support.write_safetensors(path, tensors)
                self.assertEqual(len(document("ls", path)[1]["tensors"]), len(tensors))
                for verb in ("inspect", "check", "load"):
                    code, answer = document(verb, path)
                    self.assertEqual((code, answer["error"]), (3, None), verb)

    def test_a_gguf_file_is_listed_and_not_loaded(self):
        def text(words):
            return struct.pack("<Q", len(words)) + words

        content = b"GGUF" + struct.pack("<IQQ", 3, 2, 1) + text(b"general.name") + struct.pack("<I", 8) + text(b"toy")
        content += text(b"norm.weight") + struct.pack("<IQIQ", 1, 8, 0, 0)
        content += text(b"fc.weight") + struct.pack("<IQQIQ", 2, 32, 3, 2, 32)
        path = self.folder / "model.gguf"
        path.write_bytes(content.ljust(-(-len(content) // 32) * 32, b"\0") + bytes(32 + 3 * 18))
        code, answer = document("ls", str(path))
        self.assertEqual(code, 0, answer)
        self.assertEqual([(t["name"], t["dtype"], t["shape"]) for t in answer["tensors"]],
                         [("fc.weight", "Q4_0", [3, 32]), ("norm.weight", "F32", [8])])
        code, answer = document("inspect", str(path))
        self.assertEqual((code, answer["checkpoint"]["container"]), (3, "gguf"))
        out = self.folder / "out.safetensors"
        for checkpoint in (path, self.folder):
            for verb in (["check"], ["load"], ["load", "--policy", "lenient"], ["run", "--inputs", MODEL, "--outputs", str(out)],
                         ["convert", "--to", "timm", "-o", str(out)]):
                with self.subTest(verb=verb, checkpoint=checkpoint.name):
                    self.assert_one_line(tenon(verb[0], str(checkpoint), *verb[1:]), 2, "model.gguf", "[GG-LOAD]")
                    self.assertFalse(out.exists())

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

    def test_a_setting_of_another_type_is_told_what_to_type_instead(self):
        for model, setting in ((self.model, "num_heads=[X]"), (self.model, "img_size=[1, X]"), (self.model, "act=[X]"),
                               (self.model, "qkv_bias=[X]"), (self.model, "norm_eps=[X]"),
                               (str(SOURCE / "tests/data/digits_clip/open_clip"), "towers=[X]")):
            with self.subTest(setting=setting):
                exit_code, answer = document("check", model, "--set", setting)
                self.assertEqual((exit_code, answer["error"]["code"]), (4, "TN-CONFIG-VALUE"))
                words = shlex.split(answer["error"]["remedy"])
                typed = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
                self.assertGreaterEqual(len(typed), 1)
                for value in typed:
                    self.assertTrue(value.startswith(setting.split("=")[0] + "="), value)
                    self.assertNotIn("TN-CONFIG-VALUE", str(document("check", model, "--set", value)[1]["error"]))

    def test_a_setting_that_the_family_does_not_have(self):
        for setting, code, words in (("num_headz=3", "TN-CONFIG-KEY", ['no config key "num_headz"']),
                                     ("num_heads=abc", "TN-CONFIG-VALUE", ['num_heads cannot be "abc"']),
                                     ("num_heads=", "TN-CONFIG-VALUE", ['num_heads cannot be ""']),
                                     ("num_heads=5", "TN-CONFIG-VALUE", ["divisor of embed_dim"])):
            for verb in ("check", "load"):
                with self.subTest(setting=setting, verb=verb):
                    self.assert_one_line(tenon(verb, self.model, "--set", setting), 4, *words)
                    exit_code, answer = document(verb, self.model, "--set", setting)
                    self.assertEqual((exit_code, answer["error"]["code"]), (4, code))
        self.assertEqual(tenon("load", self.model, "--set", "num_heads=4").returncode, 0)

    def test_a_setting_against_the_shapes_is_a_finding(self):
        code, answer = document("check", self.model, "--set", "depth=2")
        self.assertEqual((code, answer["error"], answer["verdict"]), (1, None, "refused"))
        self.assertIn("TN-CONFIG-CONTRADICTS", [f["id"] for f in answer["findings"]])

    def test_a_policy_that_expects_other_bytes(self):
        policy = self.folder / "gate.yaml"
        name, hexes = pathlib.Path(self.model).name, hashlib.sha256(pathlib.Path(self.model).read_bytes()).hexdigest()
        text = 'tenon_policy: 1\nexpect: {family: vit, sha256: {"%s": "%s"}}\n'
        policy.write_text(text % (name, "0" * 64))
        for verb in ("check", "load"):
            with self.subTest(verb=verb):
                self.assert_one_line(tenon(verb, self.model, "--policy", str(policy)), 5, name, hexes, "TN-SHA256")
        done = tenon("load", self.model, "--policy", str(policy), "--progress", "json")
        self.assertNotIn(b'"read"', done.stderr)
        policy.write_text(text % (name, hexes.upper()))
        self.assertEqual(tenon("load", self.model, "--policy", str(policy)).returncode, 0)

    def test_a_policy_that_expects_another_family(self):
        policy = self.folder / "gate.yaml"
        policy.write_text("tenon_policy: 1\nexpect: {family: clip}\n")
        code, answer = document("check", self.model, "--policy", str(policy))
        self.assertEqual((code, answer["verdict"]), (1, "refused"))
        self.assertIn("TN-EXPECT", [f["id"] for f in answer["findings"]])

    def test_a_rule_that_decides_over_nothing_is_said(self):
        policy = self.folder / "gate.json"
        policy.write_text('{"tenon_policy": 1, "rules": [{"on": "unexpected", "key": "nothing.**", "do": "drop"}]}')
        code, answer = document("check", self.model, "--policy", str(policy))
        self.assertEqual((code, answer["verdict"]), (0, "accepted"))
        [finding] = answer["findings"]
        self.assertEqual((finding["id"], finding["severity"]), ("TN-POLICY-UNUSED", "warning"))

    def test_a_hash_that_differs(self):
        done = tenon("load", self.model, "--sha256", "0" * 64)
        self.assertEqual(done.returncode, 5, done.stderr)
        code, answer = document("load", self.model, "--sha256", "0" * 64)
        self.assertEqual(code, 5)
        self.assertIsNotNone(answer["error"])

    def test_an_unknown_part(self):
        self.assert_one_line(tenon("inspect", self.model + "::unet"), 4, '"unet"')
        self.assert_one_line(tenon("check", self.model + "::unet"), 4, "unet")

    def test_a_config_beside_the_file_that_no_model_can_have(self):
        folder = self.folder / "unet"
        folder.mkdir()
        support.write_list(folder / "model.safetensors", "unet/sd1.diffusers")
        self.assertEqual(document("inspect", str(folder))[1]["findings"], [])
        (folder / "config.json").write_text('{"_class_name": "UNet2DConditionModel", "norm_num_groups": 7}')
        [finding] = document("inspect", str(folder))[1]["findings"]
        self.assertEqual(finding["id"], "TN-CONFIG-IMPOSSIBLE")
        self.assertIn('"norm_num_groups" 7', finding["message"])

    def test_a_device_that_is_not_there(self):
        hidden = {"CUDA_VISIBLE_DEVICES": ""}
        self.assert_one_line(support.tenon("load", self.model, "--device", "cuda", env=hidden), 6, "cuda")
        code, answer = document("load", self.model, "--device", "cuda:77")
        self.assertEqual((code, answer["error"]["code"]), (6, "TN-DEVICE"))
        self.assertIn("cuda", answer["error"]["message"])


class Values(support.TestCase):
    """Findings that only the bytes can show."""

    def model(self, change):
        path = self.copy_digits()
        tensors = support.read_safetensors(path)
        dtype, shape, data = tensors["norm.bias"]
        values = support.floats(data)
        change(values)
        tensors["norm.bias"] = (dtype, shape, values.tobytes())
        support.write_safetensors(path, tensors)
        return str(path)

    def test_numbers_that_are_none_are_counted_and_named(self):
        def spoil(values):
            values[0], values[1] = float("nan"), float("-inf")

        code, answer = document("load", self.model(spoil))
        self.assertEqual((code, answer["audit"]["nan"], answer["audit"]["inf"]), (0, 1, 1))
        [finding] = [f for f in answer["findings"] if f["id"] == "TN-NOT-FINITE"]
        self.assertEqual((finding["target"], finding["severity"]), ("norm.bias", "warning"))

    def test_a_cast_that_overflows_names_the_tensor(self):
        def spoil(values):
            values[0] = 1e6

        path = self.model(spoil)
        code, answer = document("load", path, "--dtype", "fp16")
        self.assertEqual((code, answer["verdict"]), (1, "refused"))
        [finding] = [f for f in answer["findings"] if f["id"] == "TN-CAST-OVERFLOW"]
        self.assertEqual((finding["target"], finding["severity"]), ("norm.bias", "error"))
        self.assertEqual(answer["diagnosis"][0]["cause"].count("TN-CAST-OVERFLOW"), 0)
        self.assertEqual(tenon("load", path, "--dtype", "bf16").returncode, 0)
        code, answer = document("load", path, "--dtype", "fp16", "--policy", "lenient")
        self.assertEqual((code, answer["verdict"]), (0, "accepted-with-waivers"))

    def test_the_remedy_of_an_overflow_works(self):
        def spoil(values):
            values[0] = 1e6

        path = self.model(spoil)
        _, answer = document("load", path, "--dtype", "fp16")
        rule = re.search(r"\{on: dtype.*\}$", answer["diagnosis"][0]["remedy"]).group()
        policy = self.folder / "policy.yaml"
        policy.write_text(f"tenon_policy: 1\nrules:\n  - {rule}\n")
        code, answer = document("load", path, "--policy", str(policy))
        self.assertEqual(code, 0, answer)
        dtypes = {tensor["target"]: tensor["dtype"] for tensor in answer["tensors"]}
        self.assertEqual((dtypes["norm.bias"], dtypes["norm.weight"]), ("F32", "F16"))


class Outputs(support.TestCase):
    def setUp(self):
        super().setUp()
        self.model = str(self.copy_digits())
        self.inputs = str(support.DIGITS / "heldout.safetensors")

    def run_to(self, path):
        return tenon("run", self.model, "--inputs", self.inputs, "--outputs", str(path))

    def test_a_folder_that_does_not_exist(self):
        self.assert_one_line(self.run_to(self.folder / "no" / "out.safetensors"), 2, "no such folder", "[TN-OUTPUT]")
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
