"""Every diagnosis has a page and a test that raises it; no page speaks of an id that nothing says."""
import re
import unittest

import _support as support
from _support import SOURCE

ID = re.compile(r'"(TN-D-[A-Z]+(?:-[A-Z]+)*)"')


def text_of(*globs):
    return "\n".join(path.read_text() for glob in globs for path in sorted(SOURCE.glob(glob)))


class Diagnoses(unittest.TestCase):
    said = set(ID.findall(text_of("runtime/diagnose/*.cpp", "runtime/policy/*.cpp")))

    def test_each_has_a_page_and_each_page_a_diagnosis(self):
        pages = {path.stem for path in (SOURCE / "docs" / "findings").glob("TN-D-*.md")}
        self.assertEqual(self.said, pages)

    def test_each_is_raised_by_a_test(self):
        tests = text_of("tests/failures/cases.jsonl", "tests/unit/diagnose/*.cpp", "tests/unit/policy/*.cpp", "tests/torch/*.cpp")
        self.assertEqual([name for name in sorted(self.said) if f'"{name}"' not in tests], [])

    def test_each_page_says_how_it_arises_and_what_to_do(self):
        for path in sorted((SOURCE / "docs" / "findings").glob("*.md")):
            with self.subTest(page=path.name):
                text = path.read_text()
                self.assertTrue(text.startswith(f"# {path.stem}\n"))
                self.assertIn("\n## How it arises\n", text)
                self.assertIn("\n## What to do\n", text)


support.main()
