"""1,000 seeded texts through open_clip's tokenizer with the vocabulary that it ships, and through clip-tokens."""

import os
import random
import subprocess
import sys
import unittest
from pathlib import Path

import open_clip
from open_clip.tokenizer import SimpleTokenizer

SOURCE = Path(os.environ["TENON_SOURCE_DIR"])
CLIP_TOKENS = Path(os.environ["TENON"]).parents[1] / "libexec" / "tenon" / "clip-tokens"
VOCABULARY = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
sys.path.insert(0, str(SOURCE / "tests" / "golden" / "tokenizer"))
from make_open_clip import FIXED, legible, made_up

COUNT = 1000


def texts():
    """One line each, as clip-tokens reads them."""
    generator = random.Random(1)
    found = [" ".join(text.splitlines()) for text in FIXED]
    while len(found) < COUNT:
        found.append(" ".join(made_up(generator).splitlines()))
    return [text for text in found if legible(text)]


class ClipTokens(unittest.TestCase):
    def test_the_ids_are_open_clips(self):
        tokenizer = SimpleTokenizer(bpe_path=str(VOCABULARY))
        lines = texts()
        self.assertGreater(len(lines), 0.9 * COUNT)
        done = subprocess.run([CLIP_TOKENS, VOCABULARY], input="\n".join(lines).encode() + b"\n", capture_output=True, check=True)
        found = [[int(word) for word in line.split()] for line in done.stdout.decode().split("\n")[:-1]]
        self.assertEqual(len(found), len(lines))
        for line, ids in zip(lines, found):
            with self.subTest(text=line):
                self.assertEqual(ids, tokenizer.encode(line))


if __name__ == "__main__":
    unittest.main()
