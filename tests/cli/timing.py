"""bench: Google Benchmark's JSON, or a Markdown table."""
import json
import os
import re

import _support as support
from _support import DIGITS, document, tenon

NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
os.environ["BENCHMARK_MIN_TIME"] = "0.02"  # seconds a row; figures are not what is tested
MODEL = str(DIGITS / "timm" / "model.safetensors")


class Bench(support.TestCase):
    def rows(self, answer):
        """By name, without the checkpoint's and without what Google Benchmark adds."""
        return {re.sub(r"/(manual_time|iterations:\d+)", "", row["name"].removeprefix(MODEL + "/")): row
                for row in answer["benchmarks"]}

    def test_the_document_holds_every_stage_and_its_context(self):
        code, answer = document("bench", MODEL, "--batch", "1", "--batch", "4", env=NO_GPU)
        self.assertEqual((code, answer["schema"], answer["error"]), (0, "tenon.bench/1", None))
        rows = self.rows(answer)
        for name in ("open", "plan", "construct", "load/cpu/keep/warm", "read/cpu/keep/warm", "bind/cpu/keep/warm", "forward/cpu/keep/batch:1",
                     "forward/cpu/keep/batch:4"):
            self.assertFalse(rows[name].get("error_occurred", False), rows[name])
            self.assertGreater(rows[name]["real_time"], 0, name)
        stages = rows["read/cpu/keep/warm"]["real_time"] + rows["bind/cpu/keep/warm"]["real_time"]
        self.assertLess(stages, rows["load/cpu/keep/warm"]["real_time"])
        cold = rows["load/cpu/keep/cold"]
        self.assertEqual(cold.get("label") == "page cache emptied before each load", "error_occurred" not in cold)
        for name in ("load/cuda", "forward/cuda"):
            self.assertTrue(rows[name]["error_message"].startswith("not measured: "), rows[name])
        for key in ("cpu", "gpu", "gpu_driver", "devices", "threads", "page_cache", "peak_host_bytes", "peak_device_bytes"):
            self.assertIn(key, answer["context"])
        [checkpoint] = answer["context"]["checkpoints"]
        self.assertEqual(checkpoint["path"], MODEL)
        self.assertGreater(checkpoint["bytes"], 0)
        self.assertTrue(checkpoint["file_system"])

    def test_every_element_type_that_is_asked_for_is_measured(self):
        code, answer = document("bench", MODEL, "--device", "cpu", "--dtype", "fp32", "--dtype", "bf16", "--threads", "1")
        self.assertEqual(code, 0)
        self.assertEqual(answer["context"]["threads"], 1)
        rows = self.rows(answer)
        for dtype in ("fp32", "bf16"):
            for name in (f"load/cpu/{dtype}/warm", f"forward/cpu/{dtype}/batch:1"):
                self.assertGreater(rows[name]["real_time"], 0, name)
        self.assertFalse([name for name in rows if "cuda" in name])

    def test_the_forward_of_every_family_has_inputs(self):
        # A UNet's released latents are too much for a test: tools/bench measures those.
        for golden, part in (("photomaker/v2_flat", "::id_encoder"), ("ip_adapter/plus", ""), ("ip_adapter/faceid", ""),
                             ("clip/open_clip_vit", "")):
            with self.subTest(golden=golden):
                folder = support.SOURCE / "tests" / "golden" / golden
                said = json.loads((folder / "golden.json").read_text()).get("set", {}) if golden.startswith("clip") else {}
                options = [word for key, value in said.items() for word in ("--set", f"{key}={json.dumps(value)}")]
                path = str(folder / "checkpoint.safetensors") + part
                code, answer = document("bench", path, "--device", "cpu", "--dtype", "fp32", *options)
                self.assertEqual(code, 0, answer)
                forward = next(row for row in answer["benchmarks"] if "/forward/" in row["name"])
                self.assertFalse(forward.get("error_occurred", False), forward)

    def test_the_table_is_markdown(self):
        done = tenon("bench", MODEL, "--device", "cpu")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(lines[1], "|---|---|---|---|---|")
        for stage in ("load", "read", "bind", "forward"):
            self.assertTrue([line for line in lines if line.startswith(f"| {MODEL}/{stage}/")], stage)

    def test_a_device_that_was_asked_for_and_is_not_there_is_no_row(self):
        self.assertEqual(tenon("bench", MODEL, "--device", "cuda", env=NO_GPU).returncode, 6)

    def test_a_checkpoint_that_is_refused_is_not_measured(self):
        path = self.copy_digits(with_config=False)
        self.assertEqual(tenon("bench", str(path)).returncode, 1)


if __name__ == "__main__":
    support.main()
