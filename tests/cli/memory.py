"""What `check` states of memory, and what `load` then used."""
import json
import os
import resource
import subprocess

import _support as support
from _support import TENON, document, tenon

WIDTH, DEPTH = 1024, 5


def timm():
    """A ViT of 250 MB whose zeros take no room on the disk."""
    tensors = {"cls_token": [1, 1, WIDTH], "pos_embed": [1, 197, WIDTH], "patch_embed.proj.weight": [WIDTH, 3, 16, 16],
               "patch_embed.proj.bias": [WIDTH]}
    for i in range(DEPTH):
        for name, shape in {"norm1.weight": [WIDTH], "norm1.bias": [WIDTH], "attn.qkv.weight": [3 * WIDTH, WIDTH],
                            "attn.qkv.bias": [3 * WIDTH], "attn.proj.weight": [WIDTH, WIDTH], "attn.proj.bias": [WIDTH],
                            "norm2.weight": [WIDTH], "norm2.bias": [WIDTH], "mlp.fc1.weight": [4 * WIDTH, WIDTH],
                            "mlp.fc1.bias": [4 * WIDTH], "mlp.fc2.weight": [WIDTH, 4 * WIDTH], "mlp.fc2.bias": [WIDTH]}.items():
            tensors[f"blocks.{i}.{name}"] = shape
    return {**tensors, "norm.weight": [WIDTH], "norm.bias": [WIDTH], "head.weight": [10, WIDTH], "head.bias": [10]}


def transformers(names):
    """Queries, keys and values apart, as transformers writes them: three tensors become one."""
    tensors = {}
    for name, shape in names.items():
        if ".attn.qkv." in name:
            for part in ("query", "key", "value"):
                tensors[name.replace("attn.qkv", f"attention.attention.{part}")] = [shape[0] // 3, *shape[1:]]
        else:
            tensors[name] = shape
    renames = [("blocks.", "vit.encoder.layer."), ("norm1", "layernorm_before"), ("norm2", "layernorm_after"),
               ("attn.proj", "attention.output.dense"), ("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense"),
               ("cls_token", "vit.embeddings.cls_token"), ("pos_embed", "vit.embeddings.position_embeddings"),
               ("patch_embed.proj", "vit.embeddings.patch_embeddings.projection"), ("head.", "classifier.")]
    result = {}
    for name, shape in tensors.items():
        for old, new in renames:
            name = name.replace(old, new)
        result["vit.layernorm" + name[4:] if name.startswith("norm.") else name] = shape
    return result


class Memory(support.TestCase):
    def setUp(self):
        super().setUp()
        self.settings = ["--set", "num_heads=16", "--set", "norm_eps=1e-6", "--set", "act=gelu"]

    def write(self, name, shapes):
        path = self.folder / name
        support.write_safetensors(path, {tensor: ("F32", shape) for tensor, shape in shapes.items()})
        return str(path)

    def peak(self, *args):
        """The most memory that `tenon load` held, mapped pages included: the kernel's own count."""
        with open(os.devnull, "wb") as null:
            process = subprocess.Popen([TENON, "load", *args, "-q"], stdin=subprocess.DEVNULL, stdout=null)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss * 1024

    def stated(self, *args):
        code, answer = document("check", *args)
        self.assertEqual(code, 0, answer)
        return answer["memory"]["host_peak_bytes"]

    def test_the_statement_is_what_a_load_uses(self):
        small = str(self.copy_digits())
        cases = [(name, self.write(name + ".safetensors", shapes), options)
                 for name, shapes in (("timm", timm()), ("transformers", transformers(timm())))
                 for options in (["--io", "read"], ["--io", "mmap"], ["--io", "read", "--dtype", "fp16"])]
        for name, path, options in cases:
            with self.subTest(layout=name, options=options):
                used = self.peak(path, *self.settings, *options) - self.peak(small, *options)
                stated = self.stated(path, *self.settings, *options) - self.stated(small, *options)
                self.assertGreater(stated, 100_000_000)
                self.assertLess(abs(used - stated), 0.05 * stated, f"used {used}, stated {stated}")

    def test_a_limit_on_memory_is_met_before_anything_is_read(self):
        path = self.write("timm.safetensors", timm())
        load = ["load", path, *self.settings, "--io", "read"]
        code, answer = document(*load)
        self.assertEqual(code, 0, answer)
        needs = -(-answer["memory"]["host_peak_bytes"] // 2**20)

        # The program itself takes a good part of its address space, so the limit is found by halving.
        def limited(limit):
            def to_limit():
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            done = tenon(*load, "--json", "--progress", "json", preexec_fn=to_limit)
            return done.returncode, json.loads(done.stdout or b"null"), done.stderr

        low, high = 0, 2**36
        self.assertEqual(limited(high)[0], 0)
        for _ in range(12):
            middle = (low + high) // 2
            code, answer, progress = limited(middle)
            if code == 0:
                high = middle
                continue
            low = middle
            if code == 6 and answer["error"]["code"] == "TN-MEMORY" and " are free" in answer["error"]["message"]:
                break
        self.assertEqual((code, answer["error"]["code"]), (6, "TN-MEMORY"))
        self.assertIn(f"needs {needs} MiB of host memory", answer["error"]["message"])
        self.assertRegex(answer["error"]["message"], r"; \d+ MiB are free")
        stages = [json.loads(line)["stage"] for line in progress.splitlines() if line.startswith(b"{")]
        self.assertIn("plan", stages)
        self.assertNotIn("read", stages)


if __name__ == "__main__":
    support.main()
