"""The JSON documents: the fields that other programs rely on."""
import json
import shlex

import _support as support
from _support import DIGITS, document, tenon

FINDING = {"id", "kind", "severity", "target", "source", "expected", "found", "rule", "action", "message", "remedy"}
COUNTS = {"expected", "found", "matched", "missing", "unexpected", "mismatched", "derived", "ignored", "waived"}


class Documents(support.TestCase):
    def assert_head(self, answer, verb):
        self.assertEqual(answer["schema"], f"tenon.{verb}/1")
        self.assertRegex(answer["tenon"], r"^\d+\.\d+\.\d+$")
        self.assertIsNone(answer["error"])

    def test_inspect(self):
        for form, layout, prefix in (("timm/model.safetensors", "timm", ""), ("transformers", "transformers", ""),
                                     ("training/checkpoint.pt", "timm", "state_dict.module.")):
            with self.subTest(form=form):
                code, answer = document("inspect", str(DIGITS / form))
                self.assertEqual(code, 0)
                self.assert_head(answer, "inspect")
                self.assertEqual(answer["status"], "identified")
                checkpoint = answer["checkpoint"]
                self.assertLessEqual({"path", "container", "files", "tensors", "bytes", "dtypes"}, set(checkpoint))
                self.assertLessEqual({"path", "bytes"}, set(checkpoint["files"][0]))
                part = next(p for p in answer["parts"] if p["part"] == "model")
                self.assertLessEqual({"part", "prefix", "family", "variant", "layout", "tensors", "parameters", "config",
                                      "evidence", "refused", "undecidable"}, set(part))
                self.assertEqual((part["family"], part["variant"], part["layout"]), ("vit", "custom", layout))
                self.assertEqual(part["prefix"], prefix)
                self.assertTrue(part["evidence"])
                self.assertLessEqual({"for", "text"}, set(part["evidence"][0]))
                config = part["config"]
                expected = {"img_size": 8, "patch_size": 2, "in_chans": 1, "num_classes": 10, "embed_dim": 48,
                            "depth": 3, "num_heads": 4, "mlp_hidden": 96, "class_token": True}
                self.assertEqual({key: config.get(key) for key in expected}, expected)

    def test_inspect_names_what_shapes_cannot_tell(self):
        code, answer = document("inspect", str(self.copy_digits(with_config=False)))
        self.assertEqual(code, 0)
        heads = next(u for u in answer["parts"][0]["undecidable"] if u["what"] == "num_heads")
        self.assertIn(4, heads["choices"])
        self.assertIn("--set num_heads=", heads["set_with"])
        code, answer = document("inspect", str(self.copy_digits(form="transformers")))
        self.assertNotIn("num_heads", [u["what"] for u in answer["parts"][0]["undecidable"]])

    def test_several_checkpoints_give_an_array_and_the_highest_code(self):
        code, answer = document("inspect", str(DIGITS / "transformers"), str(self.folder / "absent"))
        self.assertEqual(code, 2)
        self.assertEqual([d["error"] is None for d in answer], [True, False])

    def test_ls(self):
        path = self.copy_digits()
        code, answer = document("ls", str(path))
        self.assertEqual(code, 0)
        self.assert_head(answer, "ls")
        names = [t["name"] for t in answer["tensors"]]
        self.assertEqual(names, sorted(names))
        expected = support.read_safetensors(path)
        self.assertEqual(set(names), set(expected))
        content = path.read_bytes()
        for tensor in answer["tensors"]:
            dtype, shape, data = expected[tensor["name"]]
            self.assertEqual((tensor["dtype"], tensor["shape"], tensor["bytes"]), (dtype, shape, len(data)))
            self.assertEqual(tensor["file"], str(path))
            self.assertEqual(content[tensor["offset"]:tensor["offset"] + tensor["bytes"]], data)

    def test_ls_lists_what_a_pickle_holds_beside_tensors(self):
        code, answer = document("ls", str(DIGITS / "training" / "checkpoint.pt"))
        self.assertEqual(code, 0)
        self.assertIn("epoch", [o["path"] for o in answer["objects"]])
        self.assertIn("state_dict.module.cls_token", [t["name"] for t in answer["tensors"]])

    def test_ls_filters_by_name(self):
        code, answer = document("ls", str(DIGITS / "timm" / "model.safetensors"), "--filter", "blocks.?.norm1.*")
        self.assertEqual(code, 0)
        self.assertEqual([t["name"] for t in answer["tensors"]],
                         [f"blocks.{i}.norm1.{wb}" for i in range(3) for wb in ("bias", "weight")])

    def test_check_accepts(self):
        code, answer = document("check", str(DIGITS / "transformers"))
        self.assertEqual(code, 0, answer)
        self.assert_head(answer, "check")
        self.assertEqual((answer["verdict"], answer["policy"]), ("accepted", "strict"))
        self.assertLessEqual({"family", "variant", "layout", "config"}, set(answer["identity"]))
        counts = answer["counts"]
        self.assertEqual(set(counts), COUNTS)
        self.assertEqual(counts["expected"],
                         counts["matched"] + counts["derived"] + counts["missing"] + counts["mismatched"])
        self.assertEqual(counts["missing"] + counts["unexpected"] + counts["mismatched"], 0)
        self.assertEqual(len(answer["tensors"]), counts["expected"])
        for tensor in answer["tensors"]:
            self.assertLessEqual({"target", "from", "ops", "origin", "dtype", "shape"}, set(tensor))
        fused = next(t for t in answer["tensors"] if t["target"] == "blocks.0.attn.qkv.weight")
        self.assertEqual(len(fused["from"]), 3)
        self.assertLessEqual({"host_peak_bytes", "device_bytes"}, set(answer["memory"]))

    def test_check_refuses_with_the_root_cause_first(self):
        path = self.copy_digits()
        tensors = support.read_safetensors(path)
        tensors["blocks.1.norm_2.bias"] = tensors.pop("blocks.1.norm2.bias")
        support.write_safetensors(path, tensors)
        code, answer = document("check", str(path))
        self.assertEqual(code, 1)
        self.assert_head(answer, "check")
        self.assertEqual(answer["verdict"], "refused")
        kinds = {f["kind"]: f for f in answer["findings"] if f["severity"] == "error"}
        self.assertEqual(kinds["missing"]["target"], "blocks.1.norm2.bias")
        self.assertEqual(kinds["unexpected"]["source"], "blocks.1.norm_2.bias")
        for finding in answer["findings"]:
            self.assertLessEqual(FINDING, set(finding))
            self.assertNotIn("\n", finding["message"])
            self.assertLessEqual(len(finding["message"].encode()), 512)
        self.assertTrue(answer["diagnosis"])
        self.assertLessEqual({"id", "cause", "remedy", "explains"}, set(answer["diagnosis"][0]))

    def test_check_says_that_a_load_would_need_a_value(self):
        path = str(self.copy_digits(with_config=False))
        code, answer = document("check", path)
        self.assertEqual((code, answer["loadable"]), (0, False))
        self.assertTrue([f for f in answer["findings"] if f["severity"] == "warning"])
        code, answer = document("load", path)
        self.assertEqual((code, answer["error"]), (1, None))
        _, answer = document("inspect", path)
        others = [word for open_value in answer["parts"][0]["undecidable"] if open_value["what"] != "num_heads"
                  for word in shlex.split(open_value["set_with"])]
        code, answer = document("load", path, "--set", "num_heads=4", *others)
        self.assertEqual((code, answer["loadable"]), (0, True))
        self.assertEqual(answer["identity"]["config"]["num_heads"], 4)

    def test_a_family_that_it_is_not_is_refused(self):
        code, answer = document("check", str(DIGITS / "transformers"), "--as", "vit/vit_base_patch16_224")
        self.assertEqual((code, answer["verdict"]), (1, "refused"))

    def test_unknown_and_its_nearest_list(self):
        path = self.folder / "mystery.safetensors"
        support.write_safetensors(path, {"alpha.weight": ("F32", [3, 3]), "beta.weight": ("F32", [3])})
        code, answer = document("inspect", str(path))
        self.assertEqual((code, answer["error"], answer["status"]), (3, None, "unknown"))
        for verb in ("check", "load"):
            code, answer = document(verb, str(path))
            self.assertEqual((code, answer["error"]), (3, None), verb)
            self.assertTrue(answer["diagnosis"], verb)

    def test_load_adds_timings_bytes_and_the_audit(self):
        code, answer = document("load", str(DIGITS / "training" / "checkpoint.pt"))
        self.assertEqual(code, 0, answer)
        self.assert_head(answer, "load")
        self.assertEqual(set(answer["timings"]), {"open_s", "plan_s", "read_s", "bind_s", "total_s", "audit_s"})
        self.assertGreater(answer["timings"]["total_s"], 0)
        self.assertGreater(answer["bytes_read"], 0)
        audit = answer["audit"]
        self.assertLessEqual({"tensors", "without_origin", "nan", "inf"}, set(audit))
        self.assertEqual((audit["without_origin"], audit["nan"], audit["inf"]), (0, 0, 0))
        self.assertEqual(audit["tensors"], len(answer["tensors"]))

    def test_a_head_is_filled_under_lenient_only_where_asked(self):
        path = self.copy_digits()
        tensors = support.read_safetensors(path)
        for name in ("head.weight", "head.bias"):
            dtype, shape, data = tensors[name]
            tensors[name] = (dtype, [7, *shape[1:]], data[:len(data) // 10 * 7])
        support.write_safetensors(path, tensors)
        asked = ["check", str(path), "--set", "num_classes=10"]
        code, answer = document(*asked)
        self.assertEqual((code, answer["verdict"]), (1, "refused"))
        code, answer = document(*asked, "--policy", "lenient")
        self.assertEqual((code, answer["verdict"]), (0, "accepted-with-waivers"))
        filled = sorted(t["target"] for t in answer["tensors"] if t["origin"] == "filled")
        self.assertEqual(filled, ["head.bias", "head.weight"])

    def test_nothing_but_the_document_is_on_standard_output(self):
        done = tenon("load", str(DIGITS / "transformers"), "--json", "--progress", "json", "--log-level", "trace")
        json.loads(done.stdout)
        self.assertIn(b"trace blocks.0.attn.qkv.weight = ", done.stderr)
        self.assertIn(b"info accepted: ", done.stderr)
        stages = [json.loads(line)["stage"] for line in done.stderr.splitlines() if line.startswith(b"{")]
        for stage in ("open", "identify", "plan", "bind"):
            self.assertIn(stage, stages)

    def test_what_cannot_be_read_is_logged_too(self):
        notes = self.folder / "notes.txt"
        notes.write_text("not weights\n" * 10)
        silent, logged = (tenon("load", str(notes), "--log-level", level).stderr.decode() for level in ("off", "error"))
        self.assertNotIn("error ", silent)
        self.assertRegex(logged, r"(?m)^.*error .*TS-TEXT")
        self.assertIn(silent, logged)

    def test_quiet_prints_nothing_and_verbose_everything(self):
        path = str(DIGITS / "transformers")
        done = tenon("check", path, "-q")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        verbose = tenon("check", path, "-v").stdout.decode()
        for name in ("blocks.2.mlp.fc2.bias", "pos_embed", "head.weight"):
            self.assertIn(name, verbose)

    def test_colours_only_where_asked(self):
        path = str(DIGITS / "transformers")
        self.assertNotIn(b"\x1b", tenon("inspect", path).stdout)
        self.assertIn(b"\x1b", tenon("inspect", path, "--color", "always").stdout)
        self.assertEqual(tenon("inspect", path, "--color", "never").stdout, tenon("inspect", path).stdout)


if __name__ == "__main__":
    support.main()
