"""--html: where the page is written, and where it is not. What it shows is tests/browser."""
import json
import os
import re

import _support as support
from _support import DIGITS, document, tenon

MODEL = str(DIGITS / "timm" / "model.safetensors")
INPUTS = str(DIGITS / "heldout.safetensors")


class Page(support.TestCase):
    def setUp(self):
        super().setUp()
        self.page = self.folder / "report.html"

    def held(self):
        """The JSON document that the page holds."""
        text = self.page.read_text()
        return json.loads(re.search(r'<script type="application/json" id="report">(.*?)</script>', text, re.S)[1])

    def test_the_page_holds_the_document_of_its_verb_and_standard_output_is_as_without_it(self):
        out = str(self.folder / "out.safetensors")
        for command in (["check", MODEL], ["load", MODEL], ["run", MODEL, "--inputs", INPUTS, "--outputs", out],
                        ["convert", MODEL, "--to", "transformers", "-o", out]):
            with self.subTest(verb=command[0]):
                code, answer = document(*command, "--html", str(self.page))
                self.assertEqual(code, 0)
                self.assertEqual(self.held(), answer)
                self.assertEqual(answer["schema"], f"tenon.{command[0]}/1")

    def test_a_refusal_has_a_page_too(self):
        code, answer = document("check", MODEL, "--as", "clip", "--html", str(self.page))
        self.assertEqual((code, self.held()), (1, answer))

    def test_evidence_is_in_the_document_of_check_and_load(self):
        for verb in ("check", "load"):
            answer = document(verb, MODEL)[1]
            self.assertTrue(answer["evidence"] and answer["evidence"][0]["text"], verb)

    def test_without_a_report_there_is_no_page(self):
        (self.folder / "broken.safetensors").write_bytes(b"\x09\0\0\0\0\0\0\0{}")
        for command, code in ((["check", str(self.folder / "broken.safetensors")], 2), (["check", MODEL, "--as", "vat"], 4)):
            self.assertEqual(tenon(*command, "--html", str(self.page)).returncode, code)
            self.assertFalse(self.page.exists())

    def test_an_earlier_page_is_replaced_whole(self):
        self.page.write_text("x" * 10_000_000)
        self.assertEqual(tenon("check", MODEL, "--html", str(self.page)).returncode, 0)
        self.assertEqual(self.held()["verdict"], "accepted")
        self.assertEqual(os.listdir(self.folder), ["report.html"])

    def test_a_place_that_cannot_be_written_is_said_before_anything_is_opened(self):
        for path in (self.folder / "no" / "report.html", self.folder, ""):
            self.assert_one_line(tenon("load", MODEL, "--html", str(path)), 2, "[TN-OUTPUT]")

    def test_a_page_never_replaces_an_input_or_the_other_output(self):
        path = self.copy_digits()
        before = path.read_bytes()
        for checkpoint in (path, path.parent):
            self.assert_one_line(tenon("check", str(checkpoint), "--html", str(path)), 4, "is also an input")
        self.assertEqual(path.read_bytes(), before)
        done = tenon("run", str(path), "--inputs", INPUTS, "--outputs", str(self.page), "--html", str(self.folder / "." / "report.html"))
        self.assert_one_line(done, 4, "the other output")
        self.assertFalse(self.page.exists())

    def test_only_verbs_with_a_report_take_it(self):
        for verb in ("inspect", "ls", "bench"):
            self.assert_one_line(tenon(verb, MODEL, "--html", str(self.page)), 4, '"--html"')
            self.assertNotIn(b"--html", tenon(verb, "--help").stdout)
        self.assertIn(b"--html PATH", tenon("check", "--help").stdout)


if __name__ == "__main__":
    support.main()
