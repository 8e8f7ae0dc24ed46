"""explain: the page of an id, and one tensor's way through the mapping."""
import _support as support
from _support import DIGITS, SOURCE, document, tenon

TRANSFORMERS = str(DIGITS / "transformers")
OWN = "blocks.1.attn.qkv.weight"
SOURCES = [f"vit.encoder.layer.1.attention.attention.{n}.weight" for n in ("query", "key", "value")]


class Pages(support.TestCase):
    def test_every_page_is_printed(self):
        pages = [p for p in (SOURCE / "docs" / "findings").glob("*.md") if p.stem != "README"]
        self.assertGreater(len(pages), 20)
        for page in pages:
            with self.subTest(page=page.stem):
                done = tenon("explain", page.stem)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.decode(), page.read_text())

    def test_an_unknown_id_is_a_usage_error(self):
        self.assert_one_line(tenon("explain", "TN-MISING"), 4, '"TN-MISING"', "did you mean TN-MISSING?")


class Tensors(support.TestCase):
    def test_both_directions_from_either_name(self):
        for name in (OWN, SOURCES[1]):
            with self.subTest(name=name):
                code, answer = document("explain", name, TRANSFORMERS)
                self.assertEqual((code, answer["schema"]), (0, "tenon.explain/1"))
                self.assertEqual((answer["family"], answer["layout"]), ("vit", "transformers"))
                [way] = answer["tensors"]
                self.assertEqual((way["target"], way["ops"]), (OWN, ["concat(0)"]))
                self.assertEqual([s["name"] for s in way["from"]], SOURCES)
                self.assertEqual([t["name"] for t in way["layouts"]["timm"]], [OWN])
                self.assertEqual(len(way["layouts"]["transformers"]), 3)

    def test_a_tensor_that_nothing_takes_says_why(self):
        path = self.copy_digits()
        tensors = support.read_safetensors(path)
        tensors["blocks.0.norm_1.bias"] = tensors.pop("blocks.0.norm1.bias")
        support.write_safetensors(path, tensors)
        code, answer = document("explain", "blocks.0.norm_1.bias", str(path))
        self.assertEqual(code, 0)
        self.assertIsNone(answer["tensors"][0]["target"])
        self.assertIn("timm", answer["tensors"][0]["reason"])

    def test_a_name_that_is_nowhere(self):
        self.assert_one_line(tenon("explain", "blocks.1.attn.qk.weight", TRANSFORMERS), 4, "did you mean " + OWN)


if __name__ == "__main__":
    support.main()
