"""Listing verbs read the metadata of a checkpoint and nothing of its tensors; a hostile count takes no memory."""
import fcntl
import json
import os
import random
import re
import subprocess
from pathlib import Path

import _support as support
from _support import DIGITS, TENON, document, read_safetensors, write_safetensors

SLACK = 256 * 1024  # libraries, the kernel's tables, reads of a block where a few bytes are wanted


class Metadata(support.TestCase):
    def deep_model(self):
        """2,500 tensors of a terabyte that takes no room on the disk; and the size of its header."""
        tensors = {}
        for index in range(208):
            for name, shape in support.tensor_list("vit/vit_tiny_patch16_224.timm.tsv").items():
                if name.startswith("blocks.0."):
                    tensors[f"blocks.{index}." + name.removeprefix("blocks.0.")] = shape
                elif not name.startswith("blocks."):
                    tensors[name] = shape
        self.assertGreaterEqual(len(tensors), 2500)
        tensors["z"] = ("U8", [2**40])
        path = self.folder / "deep.safetensors"
        write_safetensors(path, tensors)
        with path.open("rb") as file:
            return path, 8 + int.from_bytes(file.read(8), "little")

    @staticmethod
    def held_at_output(*args):
        """The process while its output waits for a reader: the bytes that it had read, and what it had mapped."""
        reading, writing = os.pipe()
        fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ: less than what is printed
        with subprocess.Popen([TENON, *args], stdin=subprocess.DEVNULL, stdout=writing) as process, os.fdopen(reading, "rb", 0) as output:
            os.close(writing)
            output.read(1)
            proc = Path("/proc") / str(process.pid)
            read = int(re.search(r"rchar: (\d+)", (proc / "io").read_text())[1])
            maps = (proc / "maps").read_text()
            output.read()
        return read, maps, process.returncode

    def test_nothing_past_the_header_is_read_or_mapped(self):
        path, header = self.deep_model()
        small = str(DIGITS / "timm" / "model.safetensors")
        for verb, times in (("inspect", 8), ("ls", 1)):  # so often that the output does not fit into the pipe
            with self.subTest(verb=verb):
                before, _, _ = self.held_at_output(verb, "--json", *[small] * times)
                read, maps, code = self.held_at_output(verb, "--json", *[str(path)] * times)
                self.assertEqual(code, 0)
                self.assertLess(read, before + times * (header + SLACK))
                self.assertNotIn(str(path), maps)
                self.assertNotIn("libtorch", maps)

    if support.can_trace():
        def test_the_calls_stay_within_the_header(self):
            path, header = self.deep_model()
            log = self.folder / "calls"
            for verb in ("inspect", "ls"):
                with self.subTest(verb=verb):
                    done = subprocess.run(
                        ["strace", "-f", "-y", "-o", log, "-e", "trace=read,pread64,readv,preadv,mmap,sendfile,copy_file_range",
                         TENON, verb, path], stdout=subprocess.DEVNULL, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
                    self.assertEqual(done.returncode, 0)
                    # A call that another thread interrupts is written down once more when it ends.
                    calls = [line for line in log.read_text().splitlines() if f"<{path}>" in line and "unfinished" not in line]
                    self.assertTrue(calls)
                    read = sum(int(line.rsplit("= ", 1)[1]) for line in calls if "read" in line.split("(")[0])
                    self.assertGreaterEqual(read, header)
                    self.assertLess(read, header + SLACK)
                    self.assertEqual([line for line in calls if "read" not in line.split("(")[0]], [])
                    self.assertNotIn("libtorch", log.read_text())

    @staticmethod
    def peak_kilobytes(*args):
        """The most memory that the process ever held, and its document."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(write, 1)
            os.close(read)
            os.execv(TENON, [TENON, *args, "--json"])
        os.close(write)
        with os.fdopen(read) as stream:
            text = stream.read()
        _, _, usage = os.wait4(child, 0)
        return usage.ru_maxrss, json.loads(text)

    def test_a_billion_blocks_take_no_memory(self):
        for file, name in (("vit/vit_tiny_patch16_224.timm.tsv", "blocks.999999999.norm1.weight"),
                           ("clip/vit-b-32.open_clip.tsv", "visual.transformer.resblocks.999999999.ln_1.weight")):
            with self.subTest(list=file):
                tensors = support.tensor_list(file)
                path = str(self.folder / "model.safetensors")
                write_safetensors(path, tensors)
                plain, answer = self.peak_kilobytes("check", path)
                self.assertEqual(answer["verdict"], "accepted", answer["findings"])
                write_safetensors(path, {**tensors, name: ("F32", [192])})
                hostile, answer = self.peak_kilobytes("check", path)
                self.assertEqual(answer["verdict"], "refused")
                self.assertIn("TN-CONFIG-COUNT", [finding["id"] for finding in answer["findings"]])
                self.assertLess(hostile, plain + 16 * 1024)

    def test_a_gap_in_the_blocks_is_missing_tensors(self):
        path = self.copy_digits()
        tensors = read_safetensors(path)
        gap = sorted(name for name in tensors if name.startswith("blocks.1."))
        write_safetensors(path, {name: value for name, value in tensors.items() if name not in gap})
        code, answer = document("check", str(path))
        self.assertEqual((code, answer["verdict"]), (1, "refused"))
        self.assertEqual(answer["identity"]["config"]["depth"], 3)
        self.assertEqual(sorted(f["target"] for f in answer["findings"] if f["kind"] == "missing"), gap)
        self.assertEqual([f for f in answer["findings"] if f["kind"] == "unexpected"], [])

    def test_neither_the_name_of_a_file_nor_the_order_in_it_says_anything(self):
        shuffled = self.folder / "resnet-unet-clip.bin"
        for form in ("timm", "transformers"):
            with self.subTest(form=form):
                path = self.copy_digits(form, with_config=False)
                tensors = list(read_safetensors(path).items())
                random.Random(0).shuffle(tensors)
                write_safetensors(shuffled, dict(tensors))
                for verb in ("inspect", "check"):
                    _, plain = document(verb, str(path))
                    _, other = document(verb, str(shuffled))
                    self.assertEqual(self.without_place(plain, path), self.without_place(other, shuffled), verb)

    @staticmethod
    def without_place(answer, path):
        """The document without the path, the header's length, which follows the order, and the time it took."""
        answer.pop("timings", None)
        for file in answer["checkpoint"].get("files", []):
            file.pop("bytes")
        return json.loads(json.dumps(answer).replace(str(path), "FILE"))


if __name__ == "__main__":
    support.main()
