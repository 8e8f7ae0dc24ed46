"""--html in a real browser: the page draws the report, fetches nothing, and runs nothing of a checkpoint's."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
import _support as support
from _chromium import Browser
from _support import DIGITS, document, tenon

SHOWN_ROWS = "[...document.querySelectorAll('#tree .row')].map((row) => [...row.children].map((cell) => cell.innerText))"
OPEN_ALL = """(() => {
  for (let closed; (closed = document.querySelectorAll("#tree details:not([open])")).length > 0;)
    for (const one of closed) { one.open = true; one.dispatchEvent(new Event("toggle")); }
})()"""
ATTACKS = [
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 1'>",
    "--><!--<script>window.owned = 1//",
    "\"><svg onload=window.owned=1>",
    "';window.owned=1;//${window.owned=1}`",
    "@script@@report@@style@",
    "https://example.com/a.png",
    "javascript:window.owned=1",
    "a\u202eb\u0007\u2028c\\",
    "__proto__.constructor.window",
    "..",
]


class Pages(support.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(Browser())

    def page_of(self, *args, code=0):
        """The page of `tenon ARGS --html`, open, and the JSON document of the same command."""
        path = self.folder / "report.html"
        self.assertEqual(tenon(*args, "--html", str(path)).returncode, code)
        page = self.browser.open(path)
        self.addCleanup(lambda: self.assertEqual((page.complaints(), page.requests()), ([], [path.resolve().as_uri()])))
        return page, document(*args)[1]

    def rows(self, page):
        page.evaluate(OPEN_ALL)
        return page.evaluate(SHOWN_ROWS)

    def test_an_accepted_report_is_drawn_whole(self):
        page, answer = self.page_of("load", str(DIGITS / "transformers"))
        self.assertEqual(page.text("h1"), "Accepted")
        self.assertIn("vit/custom, in the names of transformers; policy strict", page.text("#identity"))
        self.assertIn(f"{len(answer['tensors'])} matched", page.text("#counts"))
        for evidence in answer["evidence"]:
            self.assertIn(evidence["text"], page.text("#evidence"))
        for stage in ("open", "plan", "read", "bind", "total", "audit"):
            self.assertRegex(page.text("#costs"), rf"{stage}\s+\d+\.\d ms")
        self.assertEqual(sorted(row[2] for row in self.rows(page)), sorted(t["target"] for t in answer["tensors"]))

    def test_names_of_file_and_model_stand_side_by_side(self):
        page, answer = self.page_of("check", str(DIGITS / "transformers"))
        fused = next(t for t in answer["tensors"] if t["target"] == "blocks.0.attn.qkv.weight")
        self.assertIn(["matched", ", ".join(fused["from"]), "blocks.0.attn.qkv.weight", "F32 [144, 48]"],
                      [row[:4] for row in self.rows(page)])

    def test_the_filter_shows_what_has_all_its_words_and_the_whole_when_it_is_empty(self):
        page, answer = self.page_of("check", str(DIGITS / "timm" / "model.safetensors"))
        everything = self.rows(page)
        wanted = [t["target"] for t in answer["tensors"] if "norm1" in t["target"] and "bias" in t["target"]]
        self.assertEqual(len(wanted), 3)
        page.type("#filter", "NORM1 bias")
        self.assertEqual([row[2] for row in self.rows(page)], wanted)
        self.assertEqual(page.text("#hits"), f"3 of {len(everything)}")
        page.type("#filter", "no such tensor")
        self.assertEqual(self.rows(page), [])
        page.type("#filter", "")
        self.assertEqual(self.rows(page), everything)

    def test_a_refusal_shows_its_cause_and_remedy_and_its_states_can_be_picked(self):
        path = self.copy_digits()
        tensors = support.read_safetensors(path)
        tensors["blocks.1.norm_2.bias"] = tensors.pop("blocks.1.norm2.bias")
        support.write_safetensors(path, tensors)
        page, answer = self.page_of("check", str(path), code=1)
        self.assertEqual(page.text("h1"), "Refused")
        for text in (answer["diagnosis"][0]["cause"], answer["diagnosis"][0]["remedy"], answer["diagnosis"][0]["id"]):
            self.assertIn(text, page.text("#causes"))
        faults = [row for row in page.evaluate(SHOWN_ROWS) if row[0] in ("missing", "unexpected")]
        self.assertEqual(sorted(row[:3] for row in faults), [["missing", "\u2014", "blocks.1.norm2.bias"],
                                                             ["unexpected", "blocks.1.norm_2.bias", "\u2014"]])
        page.click("#states button", "1 missing")
        self.assertEqual([row[2] for row in self.rows(page)], ["blocks.1.norm2.bias"])
        page.click("#states button", "1 missing")
        self.assertGreater(len(self.rows(page)), 40)

    def test_a_waiver_and_what_it_filled_are_shown(self):
        path = self.copy_digits()
        tensors = support.read_safetensors(path)
        del tensors["head.bias"]
        support.write_safetensors(path, tensors)
        policy = self.folder / "policy.yaml"
        policy.write_text("tenon_policy: 1\nrules:\n  - {on: missing, key: head.bias, do: fill, with: zeros, level: warning}\n")
        page, _ = self.page_of("check", str(path), "--policy", str(policy))
        self.assertEqual(page.text("h1"), "Accepted with waivers")
        page.type("#filter", "filled")
        [row] = self.rows(page)
        self.assertEqual(row[:3], ["filled", "\u2014", "head.bias"])
        self.assertIn("policy.yaml", row[4])

    def test_names_of_a_hostile_file_are_text(self):
        folder = self.folder / "<script>window.owned=1<"
        folder.mkdir()
        path = folder / "<img src=x onerror=window.owned=1>.safetensors"
        tensors = support.read_safetensors(self.copy_digits())
        tensors |= {name: ("F32", [1]) for name in ATTACKS}
        support.write_safetensors(path, tensors)
        (folder / "config.json").write_bytes((DIGITS / "timm" / "config.json").read_bytes())
        page, answer = self.page_of("check", str(path), code=1)
        self.assertEqual(sorted(f["source"] for f in answer["findings"] if f["kind"] == "unexpected"), sorted(ATTACKS))
        shown = [row[1] for row in self.rows(page) if row[0] == "unexpected"]
        self.assertEqual(len(shown), len(ATTACKS))
        self.assertLessEqual(set(ATTACKS[:8]) | {"a\\u{202e}b\\u{7}\\u{2028}c\\"}, set(shown))
        page.type("#filter", "onerror")
        self.assertEqual([row[1] for row in self.rows(page)], [ATTACKS[1]])
        self.assertEqual(page.evaluate("typeof window.owned"), "undefined")
        self.assertEqual(page.evaluate("document.querySelectorAll('img, svg, iframe, link, object, script:not(#report)').length"), 1)
        self.assertIn("onerror", page.text("#checkpoint"))

    def test_2500_tensors_are_all_there(self):
        path = self.folder / "large.safetensors"
        tensors = {name: tuple(tensor) for name, tensor in support.read_safetensors(DIGITS / "timm" / "model.safetensors").items()}
        tensors |= {f"extra.{i // 50}.{i % 50}.weight": ("F32", [1]) for i in range(2500 - len(tensors))}
        support.write_safetensors(path, tensors)
        page, _ = self.page_of("check", str(path), "--config", str(DIGITS / "timm" / "config.json"), code=1)
        self.assertEqual(page.text("#hits"), "2500 tensors")
        page.type("#filter", "extra.49")
        self.assertEqual(len(self.rows(page)), 6)
        page.type("#filter", "")
        self.assertEqual(len(self.rows(page)), 2500)


if __name__ == "__main__":
    support.main()
