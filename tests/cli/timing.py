"""bench: Google Benchmark's JSON, or a Markdown table."""
import _support as support
from _support import DIGITS, document, tenon

MODEL = str(DIGITS / "timm" / "model.safetensors")


class Bench(support.TestCase):
    def test_the_document_holds_every_stage_and_its_context(self):
        code, answer = document("bench", MODEL, "--batch", "1", "--batch", "4")
        self.assertEqual((code, answer["schema"], answer["error"]), (0, "tenon.bench/1", None))
        rows = {row["name"].removeprefix(MODEL + "/").removesuffix("/manual_time"): row for row in answer["benchmarks"]}
        for name in ("open", "plan", "load/cpu/keep/warm", "forward/cpu/keep/batch:1", "forward/cpu/keep/batch:4"):
            row = next(r for n, r in rows.items() if n.startswith(name))
            self.assertFalse(row.get("error_occurred", False), row)
            self.assertGreater(row["real_time"], 0)
        self.assertTrue([n for n in rows if n.startswith("load/cpu/keep/cold")])
        self.assertIn("not measured", next(r for n, r in rows.items() if "cuda" in n)["error_message"])
        for key in ("cpu", "gpu_driver", "threads", "peak_host_bytes", "checkpoints"):
            self.assertIn(key, answer["context"])

    def test_the_table_is_markdown(self):
        done = tenon("bench", MODEL)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(lines[1], "|---|---|---|---|")
        self.assertTrue([line for line in lines if line.startswith(f"| {MODEL}/load/")])

    def test_a_checkpoint_that_is_refused_is_not_measured(self):
        path = self.copy_digits(with_config=False)
        self.assertEqual(tenon("bench", str(path)).returncode, 1)


if __name__ == "__main__":
    support.main()
