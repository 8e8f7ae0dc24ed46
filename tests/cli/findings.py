"""Every page about a finding or a cause has the same parts."""
import unittest

import _support as support
from _support import SOURCE


class Pages(unittest.TestCase):
    def test_each_says_how_it_arises_and_what_to_do(self):
        for path in sorted((SOURCE / "docs" / "findings").glob("*.md")):
            with self.subTest(page=path.name):
                text = path.read_text()
                self.assertTrue(text.startswith(f"# {path.stem}\n"))
                self.assertIn("\n## How it arises\n", text)
                self.assertIn("\n## What to do\n", text)


support.main()
