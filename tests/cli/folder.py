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

    def test_an_unknown_file_is_told_the_nearest_known_list(self):
        known = support.read_safetensors(self.models / "digits" / "timm" / "model.safetensors")
        few = {name: value for name, value in known.items() if name.startswith("patch_embed.")}
        support.write_safetensors(self.models / "fragment.safetensors", {**few, "odd.weight": ("F32", [3])})
        line = self.lines()[1][str(self.models / "fragment.safetensors")]
        self.assertIn("unknown", line)
        self.assertIn("nearest: vit (", line)

    def test_a_damaged_file_says_what_is_wrong_and_the_others_stay(self):
        before = self.lines()[1]
        damaged = self.models / "digits" / "timm" / "model.safetensors"
        damaged.write_bytes(damaged.read_bytes()[:-100])
        after = self.lines()[1]
        self.assertIn("ST-PAST-END", after[str(damaged)])
        after.pop(str(damaged))
        self.assertEqual({path: line.split()[1:6] for path, line in before.items() if path in after},
                         {path: line.split()[1:6] for path, line in after.items()})

    def test_hundreds_of_files(self):
        source = self.models / "digits" / "transformers" / "model.safetensors"
        for index in range(300):
            folder = self.models / f"run-{index:03}"
            folder.mkdir()
            shutil.copy(source, folder / "model.safetensors")
        lines = self.lines()[1]
        runs = [line for path, line in lines.items() if "run-" in path]
        self.assertEqual(len(runs), 300)
        self.assertEqual({tuple(line.split()[3:6]) for line in runs}, {("vit", "custom", "transformers")})

    def test_a_folder_that_does_not_exist(self):
        self.assert_one_line(tenon("inspect", "-r", str(self.folder / "no")), 2, "no such folder")


if __name__ == "__main__":
    support.main()
