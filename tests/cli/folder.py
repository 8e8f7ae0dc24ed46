"""inspect -r: a folder of models, one line a file."""
import shutil

import _support as support
from _support import DIGITS, document, tenon


class Folder(support.TestCase):
    def setUp(self):
        super().setUp()
        shutil.copytree(DIGITS, self.folder / "models" / "digits")
        self.models = self.folder / "models"

    def lines(self):
        done = tenon("inspect", "-r", str(self.models))
        lines = done.stdout.decode().splitlines()
        return done.returncode, {line.split()[0]: line for line in lines[1:]}

    def test_one_line_for_each_file(self):
        code, lines = self.lines()
        files = [p for p in self.models.rglob("*") if p.is_file()]
        self.assertEqual(set(lines), set(map(str, files)))
        line = lines[str(self.models / "digits" / "transformers" / "model.safetensors")]
        for word in ("vit", "custom", "transformers", "240 kB"):
            self.assertIn(word, line)
        self.assertIn("not a checkpoint", lines[str(self.models / "digits" / "README.md")])

    def test_says_what_is_wrong_and_gives_the_highest_code(self):
        for name in ("heldout", "labels", "expected"):
            (self.models / "digits" / f"{name}.safetensors").unlink()
        self.assertEqual(self.lines()[0], 0)
        support.write_safetensors(self.models / "mystery.safetensors", {"alpha": ("F32", [3])})
        code, lines = self.lines()
        self.assertEqual(code, 3)
        self.assertIn("unknown", lines[str(self.models / "mystery.safetensors")])
        broken = self.models / "broken.safetensors"
        broken.write_bytes(b"\x08\0\0\0\0\0\0\0{")
        code, lines = self.lines()
        self.assertEqual(code, 3)
        self.assertIn("ST-", lines[str(broken)])

    def test_the_document_is_an_array(self):
        code, answers = document("inspect", "-r", str(self.models))
        self.assertEqual(len(answers), sum(1 for p in self.models.rglob("*") if p.is_file()))
        self.assertEqual({a["schema"] for a in answers}, {"tenon.inspect/1"})

    def test_a_folder_that_does_not_exist(self):
        self.assert_one_line(tenon("inspect", "-r", str(self.folder / "no")), 2, "no such folder")


if __name__ == "__main__":
    support.main()
