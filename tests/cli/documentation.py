"""Every command, policy and snippet of the pages is executed or compiled."""
import array
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

import _support as support
from _support import DIGITS, SOURCE, TENON, tenon

PAGES = [SOURCE / "README.md", SOURCE / "CONTRIBUTING.md", *sorted((SOURCE / "docs").rglob("*.md"))]


def of_list(name):
    return lambda path: support.write_list(path, name)


def digits(path):
    path.write_bytes((DIGITS / "timm" / "model.safetensors").read_bytes())


def with_average(path):
    """A training checkpoint: the weights, and their running mean."""
    tensors = support.read_safetensors(DIGITS / "timm" / "model.safetensors")
    support.write_safetensors(path, {f"{key}.{name}": tensor for key in ("state_dict", "state_dict_ema")
                                     for name, tensor in tensors.items()})


def lora(path):
    attention = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor"
    shapes = {"to_q_lora.down": [4, 320], "to_q_lora.up": [320, 4], "to_k_lora.down": [4, 768], "to_k_lora.up": [320, 4]}
    support.write_safetensors(path, {f"{attention}.{name}.weight": ("F32", shape, bytes(4 * shape[0] * shape[1]))
                                     for name, shape in shapes.items()})


def training(path):
    """What an adapter's training script saved: its projector and its attentions, numbered."""
    words = {"ip_adapter.": "adapter_modules.", "image_proj.": "image_proj_model."}
    published = support.read_safetensors(SOURCE / "tests" / "golden" / "ip_adapter" / "attached-base" / "adapter.safetensors")
    support.write_safetensors(path, {words[name[:name.index(".") + 1]] + name.split(".", 1)[1]: tensor
                                     for name, tensor in published.items()})


# The files that pages speak of, beside model.safetensors and its config.json.
FILES = {
    "unet.safetensors": of_list("unet/sd1.diffusers"), "base.safetensors": of_list("unet/sd1.diffusers"),
    "bundle.safetensors": of_list("unet/sd1.ldm"), "adapter.safetensors": of_list("ip_adapter/base-sd15.published"),
    "ip-adapter.bin": of_list("ip_adapter/base-sd15.published"),
    "original.safetensors": digits, "partner.safetensors": digits, "model.ckpt": digits, "checkpoint.ckpt": digits,
    "old.pt": digits, "checkpoint.pth": with_average, "lora.safetensors": lora,
    "training.safetensors": training,
}


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
    def folder_for(self, page, command):
        """A folder of its own with the files that a command of the page speaks of."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for name in ("model.safetensors", "config.json"):
            (folder / name).write_bytes((DIGITS / "timm" / name).read_bytes())
        (folder / "tests").symlink_to(SOURCE / "tests")
        for name, write in FILES.items():
            if name in command:
                write(folder / name)
        for name in re.findall(r"--policy (\S+\.yaml)", command):
            (folder / name).write_text(blocks(page, "yaml")[0])
        return folder

    def run_command(self, command, folder):
        path = os.pathsep.join([str(Path(TENON).parent), os.environ["PATH"]])
        done = subprocess.run(shlex.split(command), cwd=folder, env={**os.environ, "PATH": path},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_tenon_command_does_what_it_says(self):
        commands = [(page, line) for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()
                    if line.startswith("tenon ")]
        self.assertGreaterEqual(len(commands), 50)
        done_before = set()
        for page, command in commands:
            if command in done_before:
                continue
            done_before.add(command)
            with self.subTest(page=page.name, command=command):
                self.run_command(command, self.folder_for(page, command))

    def acme_folder(self):
        """A folder with the contributors' page's layout in the tables `copy`, and a file of timm's in its words."""
        page = SOURCE / "CONTRIBUTING.md"
        folder = self.folder_for(page, "")
        tables = folder / "copy"
        shutil.copytree(SOURCE / "configs", tables)
        layout = next(block for block in blocks(page, "yaml") if "acme:" in block)
        vit = (tables / "vit.yaml").read_text()
        head, layouts, rest = vit.partition("\nlayouts:\n")
        (tables / "vit.yaml").write_text(head + layouts + textwrap.indent(textwrap.dedent(layout), "  ") + rest)
        support.write_safetensors(folder / "acme.safetensors", as_acme(support.read_safetensors(folder / "model.safetensors")))
        return folder

    def test_the_layout_of_the_contributors_page_reads_its_library_in_both_spellings(self):
        folder = self.acme_folder()
        joined = support.read_safetensors(folder / "acme.safetensors")
        apart = {}
        for name, (dtype, shape, content) in joined.items():
            if ".attn_in." not in name:
                apart[name] = (dtype, shape, content)
                continue
            third = len(content) // 3
            for i, letter in enumerate("qkv"):
                apart[name.replace("attn_in", f"attn_{letter}")] = (dtype, [shape[0] // 3, *shape[1:]], content[i * third : (i + 1) * third])
        support.write_safetensors(folder / "apart.safetensors", apart)
        for name in ("acme", "apart"):
            self.run_command(f"tenon convert {name}.safetensors --tables copy --set num_heads=4 --to timm -o {name}.timm.safetensors", folder)
            self.assertEqual(support.read_safetensors(folder / f"{name}.timm.safetensors"),
                             support.read_safetensors(folder / "model.safetensors"))

    def test_the_layout_of_the_contributors_page_reads_and_writes_its_library(self):
        folder, page = self.acme_folder(), SOURCE / "CONTRIBUTING.md"
        commands = [line.strip() for block in blocks(page, "sh") for line in block.splitlines() if "--tables copy" in line or "back." in line]
        self.assertEqual(len(commands), 4)
        for command in commands:
            self.run_command(command, folder)
        self.assertEqual(support.read_safetensors(folder / "timm.safetensors"),
                         support.read_safetensors(folder / "model.safetensors"))
        self.assertEqual(support.read_safetensors(folder / "back.safetensors"),
                         support.read_safetensors(folder / "acme.safetensors"))

    def test_what_python_users_are_told_to_type_is_understood(self):
        table = (SOURCE / "README.md").read_text().split("## Coming from Python")[1].split("\n## ")[0]
        model = str(DIGITS / "timm" / "model.safetensors")
        said = re.findall(r"`(--[^`]+|tenon [^`]+)`", "".join(line.split("|")[2] for line in table.splitlines() if line.startswith("| `")))
        self.assertGreaterEqual(len(said), 6)
        for words in said:
            command = words.removeprefix("tenon ").replace("path", model).split() if words.startswith("tenon") else ["check", model, *words.split()]
            with self.subTest(words=words):
                self.assertEqual(tenon(*command).returncode, 0)

    def test_every_verb_of_the_readme_has_a_help_page_and_the_other_way_round(self):
        listed = set(re.findall(r"^\| `tenon (\w+)", (SOURCE / "README.md").read_text(), re.M))
        helped = set(re.findall(r"^  (\w+)  ", tenon("--help").stdout.decode().split("Output:")[0], re.M))
        self.assertEqual(listed, helped)

    def test_every_output_of_a_run_is_explained(self):
        explained = re.findall(r"`(\w+)`", (SOURCE / "docs" / "running.md").read_text())
        data = SOURCE / "tests" / "data"
        for checkpoint, inputs in ((data / "digits" / "timm", data / "digits" / "heldout.safetensors"),
                                   (data / "digits_clip" / "open_clip", data / "digits_clip" / "zero_shot.safetensors")):
            outputs = self.folder / "outputs.safetensors"
            done = tenon("run", str(checkpoint), "--inputs", str(inputs), "--outputs", str(outputs))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(set(support.read_safetensors(outputs)) - set(explained), set())

    def test_every_policy_of_the_pages_is_read(self):
        policies = [block for page in PAGES for block in blocks(page, "yaml") if "tenon_policy" in block]
        self.assertGreaterEqual(len(policies), 2)
        for number, text in enumerate(policies):
            path = self.folder / f"policy-{number}.yaml"
            path.write_text(text)
            done = tenon("check", str(DIGITS / "timm" / "model.safetensors"), "--policy", str(path))
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
