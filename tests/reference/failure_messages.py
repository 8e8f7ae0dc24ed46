"""What the chapter of the failures shows of other libraries is what the pinned ones say."""
import filecmp
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

DEMOS = Path(os.environ["TENON_SOURCE_DIR"]) / "tools" / "demos"


class Recordings(unittest.TestCase):
    def test_each_is_what_the_library_says(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "said"
            subprocess.run([sys.executable, DEMOS / "failures.py", folder], check=True)
            subprocess.run([sys.executable, DEMOS / "failures_reference.py", folder, out], check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
            names = sorted(path.name for path in (DEMOS / "failures").iterdir())
            self.assertEqual(sorted(path.name for path in out.iterdir()), names)
            _, differing, unreadable = filecmp.cmpfiles(out, DEMOS / "failures", names, shallow=False)
            self.assertEqual((differing, unreadable), ([], []))


if __name__ == "__main__":
    unittest.main(verbosity=2)
