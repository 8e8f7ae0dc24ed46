"""What the verbs write: the old file or the new one, whatever happens meanwhile, and never an input."""
import os
import re
import shutil
import signal
import subprocess

import _support as support
from _support import DIGITS, SOURCE, tenon

MODEL = str(DIGITS / "timm" / "model.safetensors")
INDEX = "model.safetensors.index.json"


class Inputs(support.TestCase):
    """Each output below is read by its own command, under whatever name."""

    def refused(self, output, *command, option="-o"):
        before = output.read_bytes()
        with self.subTest(output=output.name, command=command[0]):
            self.assert_one_line(tenon(*command, option, str(output)), 4, f"{option} ", "is also an input")
            self.assertEqual(output.read_bytes(), before)

    def test_another_spelling_of_the_path_or_a_link_to_it(self):
        path = self.copy_digits()
        hard, soft, folder = self.folder / "hard.safetensors", self.folder / "soft.safetensors", self.folder / "folder"
        os.link(path, hard)
        soft.symlink_to(path)
        folder.symlink_to(path.parent)
        for output in (path.parent / ".." / "timm" / path.name, hard, soft, folder / path.name):
            self.refused(output, "convert", str(path), "--to", "transformers")
            self.refused(output, "load", str(path), option="--html")

    def sharded(self):
        """A folder with an index, two shards and a configuration."""
        tensors = support.read_safetensors(MODEL)
        names = sorted(tensors)
        weights = {}
        for shard, half in (("a.safetensors", names[::2]), ("b.safetensors", names[1::2])):
            support.write_safetensors(self.folder / shard, {name: tensors[name] for name in half})
            weights.update(dict.fromkeys(half, shard))
        (self.folder / INDEX).write_text(support.json.dumps({"weight_map": weights}))
        shutil.copyfile(DIGITS / "timm" / "config.json", self.folder / "config.json")

    def test_a_shard_the_index_or_the_configuration_of_a_folder(self):
        self.sharded()
        for name in ("a.safetensors", "b.safetensors", INDEX, "config.json"):
            for checkpoint in (self.folder, self.folder / INDEX):
                self.refused(self.folder / name, "convert", str(checkpoint), "--to", "transformers")
            self.refused(self.folder / name, "load", str(self.folder), option="--html")

    def test_a_template_a_policy_and_a_table(self):
        tables = self.folder / "tables"
        shutil.copytree(SOURCE / "configs", tables)
        template = self.copy_digits("transformers")
        policy = self.folder / "policy.yaml"
        policy.write_text("tenon_policy: 1\nbase: strict\n")
        convert = ["convert", MODEL, "--to", "transformers"]
        self.refused(template, *convert, "--against", str(template.parent))
        self.refused(policy, *convert, "--policy", str(policy))
        self.refused(tables / "vit.yaml", *convert, "--tables", str(tables))

    def test_a_new_file_beside_them_is_none(self):
        self.sharded()
        for name in ("new.safetensors", "other.index.json"):
            done = tenon("convert", str(self.folder), "--to", "transformers", "-o", str(self.folder / name))
            self.assertEqual(done.returncode, 0, done.stderr)


CALLS = "write,fsync,close,rename,renameat,renameat2"


class Faults(support.TestCase):
    """`convert` onto an existing file while the kernel fails a call, or kills the process there."""

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out" / "model.safetensors"
        self.out.parent.mkdir()

    def convert(self, *strace):
        self.out.write_bytes(b"old")
        return subprocess.run(
            ["strace", "-f", "-y", "-o", str(self.folder / "calls"), "-e", f"trace={CALLS}", *strace,
             support.TENON, "convert", MODEL, "--to", "transformers", "-o", str(self.out), "--threads", "1"],
            capture_output=True, timeout=300, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})

    def calls_on_the_output(self):
        """(call, how many of its name the thread had made with it) for each call on the file that becomes the output."""
        done = self.convert()
        self.assertEqual(done.returncode, 0, done.stderr)
        made, found = {}, []
        for line in (self.folder / "calls").read_text(errors="replace").splitlines():
            match = re.match(r"(\d+) +(\w+)\((.*)", line)
            if not match:
                continue
            thread, call, rest = match.groups()
            made[thread, call] = made.get((thread, call), 0) + 1
            if ".tenon-tmp" in rest:
                found.append((call, made[thread, call]))
        self.assertEqual([call for call, _ in found][-3:], ["fsync", "close", [call for call, _ in found][-1]])
        return found

    @staticmethod
    def some(calls):
        """First, second, middle and last write, and the three calls behind them: sync, close, rename. Another close before
        them is of what was read back, and may fail."""
        writes = [call for call in calls if call[0] == "write"]
        return [writes[0], writes[1], writes[len(writes) // 2], writes[-1]] + calls[-3:]

    def left_over(self):
        return [name for name in os.listdir(self.out.parent) if name != self.out.name]

    if support.can_trace():
        def test_a_kill_leaves_the_old_file_or_the_new_one(self):
            for name in ("model.safetensors", "model.bin"):
                self.out = self.out.with_name(name)
                calls = self.calls_on_the_output()
                new = self.out.read_bytes()
                for call, number in self.some(calls):
                    with self.subTest(output=name, call=call, number=number):
                        done = self.convert("-e", f"inject={call}:signal=KILL:when={number}")
                        self.assertIn(done.returncode, (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr)
                        self.assertIn(self.out.read_bytes(), (b"old", new))
                        self.assertLessEqual(len(self.left_over()), 1)
                        for left in self.left_over():
                            self.assertRegex(left, r"^\.model\.\w+\.\d+-\d+\.tenon-tmp$")
                            (self.out.parent / left).unlink()
                self.assertEqual(self.convert().returncode, 0)
                self.assertEqual(self.out.read_bytes(), new)
                self.out.unlink()

        def test_a_call_that_fails_leaves_the_old_file_and_nothing_beside_it(self):
            errors = {"write": "ENOSPC", "fsync": "EIO", "close": "EDQUOT"}
            for name in ("model.safetensors", "model.bin"):
                self.out = self.out.with_name(name)
                for call, number in self.some(self.calls_on_the_output()):
                    with self.subTest(output=name, call=call, number=number):
                        done = self.convert("-e", f"inject={call}:error={errors.get(call, 'EXDEV')}:when={number}")
                        self.assert_one_line(done, 2, "[IO-WRITE]")
                        self.assertEqual(self.out.read_bytes(), b"old")
                        self.assertEqual(self.left_over(), [])
                self.out.unlink()


if __name__ == "__main__":
    support.main()
