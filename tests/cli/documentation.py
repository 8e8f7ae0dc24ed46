"""Every command, policy and snippet of the pages is executed or compiled."""
import array
import os
import re
import shlex
import shutil
import subprocess
import textwrap
from pathlib import Path

import _support as support
from _support import DIGITS, SOURCE, TENON, tenon

PAGES = [SOURCE / "README.md", SOURCE / "CONTRIBUTING.md", *sorted((SOURCE / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.S | re.M)


def as_acme(tensors):
    """A file of timm's in the words of the library that the contributors' page makes up."""
    words = {"attn.qkv": "attn_in", "attn.proj": "attn_out", "norm1": "pre", "norm2": "mid", "mlp.fc1": "up", "mlp.fc2": "down"}
    renamed = {}
    for name, (dtype, shape, content) in tensors.items():
        module, _, leaf = name.rpartition(".")
        if name == "cls_token":
            renamed["trunk.token"] = (dtype, shape[2:], content)
        elif name == "pos_embed":
            renamed["trunk.places"] = (dtype, shape[1:], content)
        elif module.startswith("blocks."):
            _, index, inner = module.split(".", 2)
            if name.endswith("fc1.weight"):
                rows, columns = shape
                values = support.floats(content)
                content = array.array("f", [values[r * columns + c] for c in range(columns) for r in range(rows)]).tobytes()
                shape = [columns, rows]
            renamed[f"trunk.layer.{index}.{words[inner]}.{leaf}"] = (dtype, shape, content)
        else:
            new = {"patch_embed.proj": "trunk.stem", "norm": "trunk.last", "head": "classes"}[module]
            renamed[f"{new}.{leaf}"] = (dtype, shape, content)
    return renamed


class Documentation(support.TestCase):
    def setUp(self):
        super().setUp()
        for name in ("model.safetensors", "config.json"):
            (self.folder / name).write_bytes((DIGITS / "timm" / name).read_bytes())
        (self.folder / "tests").symlink_to(SOURCE / "tests")

    def run_command(self, command):
        path = os.pathsep.join([str(Path(TENON).parent), os.environ["PATH"]])
        done = subprocess.run(shlex.split(command), cwd=self.folder, env={**os.environ, "PATH": path},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_tenon_command_does_what_it_says(self):
        commands = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()
                    if line.startswith("tenon ")]
        self.assertGreaterEqual(len(commands), 5)
        for command in commands:
            with self.subTest(command=command):
                self.run_command(command)

    def test_the_layout_of_the_contributors_page_reads_and_writes_its_library(self):
        tables = self.folder / "copy"
        shutil.copytree(SOURCE / "configs", tables)
        page = SOURCE / "CONTRIBUTING.md"
        layout = next(block for block in blocks(page, "yaml") if "acme:" in block)
        vit = (tables / "vit.yaml").read_text()
        head, layouts, rest = vit.partition("\nlayouts:\n")
        (tables / "vit.yaml").write_text(head + layouts + textwrap.indent(textwrap.dedent(layout), "  ") + rest)
        support.write_safetensors(self.folder / "acme.safetensors", as_acme(support.read_safetensors(self.folder / "model.safetensors")))
        commands = [line.strip() for block in blocks(page, "sh") for line in block.splitlines() if "--tables copy" in line or "back." in line]
        self.assertEqual(len(commands), 4)
        for command in commands:
            self.run_command(command)
        self.assertEqual(support.read_safetensors(self.folder / "timm.safetensors"),
                         support.read_safetensors(self.folder / "model.safetensors"))
        self.assertEqual(support.read_safetensors(self.folder / "back.safetensors"),
                         support.read_safetensors(self.folder / "acme.safetensors"))

    def test_every_verb_of_the_readme_has_a_help_page_and_the_other_way_round(self):
        listed = set(re.findall(r"^\| `tenon (\w+)", (SOURCE / "README.md").read_text(), re.M))
        helped = set(re.findall(r"^  (\w+)  ", tenon("--help").stdout.decode().split("Output:")[0], re.M))
        self.assertEqual(listed, helped)

    def test_every_policy_of_the_pages_is_read(self):
        policies = [block for page in PAGES for block in blocks(page, "yaml") if "tenon_policy" in block]
        self.assertGreaterEqual(len(policies), 2)
        for number, text in enumerate(policies):
            path = self.folder / f"policy-{number}.yaml"
            path.write_text(text)
            done = tenon("check", str(self.folder / "model.safetensors"), "--policy", str(path))
            self.assertIn(done.returncode, (0, 1), text)

    def test_every_link_of_the_pages_leads_somewhere(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")

    def test_no_machine_path_stands_in_the_pages(self):
        for page in [*PAGES, SOURCE / "CHANGELOG.md"]:
            self.assertNotRegex(page.read_text(), r"/(work|root|home|tmp)/", page.name)


if __name__ == "__main__":
    support.main()
