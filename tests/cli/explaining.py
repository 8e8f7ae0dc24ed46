"""explain: the page of an id, and one tensor's way through the mapping."""
import re

import _support as support
from _support import DIGITS, SOURCE, document, tenon

TRANSFORMERS = str(DIGITS / "transformers")
OWN = "blocks.1.attn.qkv.weight"
SOURCES = [f"vit.encoder.layer.1.attention.attention.{n}.weight" for n in ("query", "key", "value")]


# Ids that are put together where they are raised: the words of JSON faults, for the two readers of JSON.
JSON_PREFIXES = ("ST", "IX")
# Each means that something of tenon's own is broken: an exception nobody expected, a built-in family without a forward.
ONLY_A_DEFECT_RAISES = {"TN-INTERNAL", "TN-INPUT-FAMILY"}


def texts(*folders):
    for folder in folders:
        for path in sorted((SOURCE / folder).rglob("*")):
            if path.suffix in (".cpp", ".h", ".py", ".sh", ".jsonl", ".yaml"):
                yield path, path.read_text()


def raised_ids():
    """Every id that stands whole in the sources, and those that are put together."""
    ids = set()
    for path, text in texts("runtime", "models", "tools"):
        ids |= set(re.findall(r"\b(?:TN|ST|IX|ZP|PK|LG|TS|GG|IO)-[A-Z][A-Z0-9-]*[A-Z0-9]\b(?![-*])", text))
        if path.name == "json_check.cpp":
            words = re.findall(r'(?:stop\(|JsonFault\{[^,"]*, )\s*"([A-Z0-9-]+)"', text)
            ids |= {f"{prefix}-{word}" for prefix in JSON_PREFIXES for word in words}
        if path.name == "parse_policy.cpp":
            ids |= {f"TN-POLICY-{word}" for word in re.findall(r'refuse\([^;]*?, "([A-Z]+)"', text)}
    return ids


def documented_ids():
    ids = {page.stem for page in (SOURCE / "docs" / "findings").glob("*.md")}
    for page in (SOURCE / "docs").glob("*-codes.md"):
        ids |= set(re.findall(r"^\| `([A-Z0-9-]+)` \|", page.read_text(), re.M))
    return ids


class Pages(support.TestCase):
    def test_every_id_that_the_program_can_raise_has_a_page_and_no_page_is_of_another(self):
        self.assertGreater(len(raised_ids()), 300)
        self.assertEqual(raised_ids() - documented_ids(), set())
        self.assertEqual(documented_ids() - raised_ids(), set())

    def test_every_finding_and_diagnosis_is_raised_by_a_test(self):
        tests = "".join(text for _, text in texts("tests"))
        ids = {name for name in raised_ids() if name.startswith("TN-")} - ONLY_A_DEFECT_RAISES
        self.assertEqual({name for name in ids if not re.search(rf"{name}\b(?!-)", tests)}, set())

    def test_every_page_is_printed(self):
        for page in (SOURCE / "docs" / "findings").glob("*.md"):
            with self.subTest(page=page.stem):
                done = tenon("explain", page.stem)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.decode(), page.read_text())

    def test_every_row_of_the_codes_is_printed_as_a_page_of_its_own(self):
        for code in sorted(documented_ids()):
            with self.subTest(code=code):
                done = tenon("explain", code)
                self.assertEqual(done.returncode, 0, done.stderr)
                lines = done.stdout.decode().splitlines()
                self.assertEqual(lines[0], f"# {code}")
                self.assertTrue(lines[2])

    def test_a_row_says_what_its_section_says(self):
        code, answer = document("explain", "ST-HOLE")
        self.assertEqual(code, 0)
        self.assertRegex(answer["page"], r"(?s)^# ST-HOLE\n\nbytes between two tensors.*\n## safetensors: ST\n\nWhat tenon accepts")

    def test_an_unknown_id_is_a_usage_error(self):
        self.assert_one_line(tenon("explain", "TN-MISING"), 4, '"TN-MISING"', "did you mean TN-MISSING?")
        self.assert_one_line(tenon("explain", "st-hole"), 4, "did you mean ST-HOLE?")
        self.assert_one_line(tenon("explain", "ZP-CRQ"), 4, "did you mean ZP-CRC?")


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
        self.assert_one_line(tenon("explain", "blocks.1.attn.qk.weight", TRANSFORMERS), 4, "did you mean " + OWN, "[TN-TENSOR]")

    def test_a_part_that_is_not_built_has_no_way_through_a_mapping(self):
        path = self.folder / "siglip.safetensors"
        support.write_list(path, "declined/siglip.transformers")
        self.assert_one_line(tenon("explain", "logit_bias", str(path)), 3, "[TN-UNKNOWN]")


if __name__ == "__main__":
    support.main()
