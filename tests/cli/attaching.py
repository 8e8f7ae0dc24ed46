"""run --with adapter=CKPT: the adapter joins the UNet."""
import array
import json
import shutil

import _support as support
from _server import document, tenon
from _support import SOURCE, floats, read_safetensors

UNET = SOURCE / "tests" / "golden" / "unet" / "sd1_fp32_diffusers"
KNOWN = ("--set", "attention_head_dim=2", "--set", "norm_num_groups=4")
WIDTHS = {1: 8, 3: 8, 5: 8, 7: 16}  # of the UNet's cross-attentions: down, up, up, middle
CONTEXT, TOKENS = 12, 4


def numbers(count, start=0.1):
    return array.array("f", (start + 0.01 * (i % 17) for i in range(count))).tobytes()


def adapter(widths=WIDTHS):
    """An adapter of one projected embedding, for the UNet of these widths."""
    tensors = {"image_proj.proj.weight": ("F32", (TOKENS * CONTEXT, 20)), "image_proj.proj.bias": ("F32", (TOKENS * CONTEXT,)),
               "image_proj.norm.weight": ("F32", (CONTEXT,)), "image_proj.norm.bias": ("F32", (CONTEXT,))}
    for number, width in widths.items():
        for name in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{number}.{name}.weight"] = ("F32", (width, CONTEXT), numbers(width * CONTEXT))
    return tensors


def face_adapter(rank=2):
    """A FaceID adapter: projections and a LoRA on every attention."""
    tensors = {"image_proj.proj.0.weight": ("F32", (1024, 512)), "image_proj.proj.0.bias": ("F32", (1024,)),
               "image_proj.proj.2.weight": ("F32", (TOKENS * CONTEXT, 1024)), "image_proj.proj.2.bias": ("F32", (TOKENS * CONTEXT,)),
               "image_proj.norm.weight": ("F32", (CONTEXT,)), "image_proj.norm.bias": ("F32", (CONTEXT,))}
    for cross, width in WIDTHS.items():
        for number, context in ((cross - 1, width), (cross, CONTEXT)):
            for name in ("to_q", "to_k", "to_v", "to_out"):
                inputs = context if name in ("to_k", "to_v") else width
                tensors[f"ip_adapter.{number}.{name}_lora.down.weight"] = ("F32", (rank, inputs), numbers(rank * inputs))
                tensors[f"ip_adapter.{number}.{name}_lora.up.weight"] = ("F32", (width, rank), numbers(width * rank))
        for name in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{cross}.{name}.weight"] = ("F32", (width, CONTEXT), numbers(width * CONTEXT))
    return tensors


class Attaching(support.TestCase):
    def setUp(self):
        super().setUp()
        self.unet = self.folder / "unet"
        self.unet.mkdir()
        shutil.copyfile(UNET / "checkpoint.safetensors", self.unet / "model.safetensors")
        shutil.copyfile(UNET / "config.json", self.unet / "config.json")
        self.adapter = self.folder / "adapter.safetensors"
        support.write_safetensors(self.adapter, adapter())
        self.plain = read_safetensors(UNET / "inputs.safetensors")
        self.expected = floats(read_safetensors(UNET / "expected.safetensors")["sample"][2])

    def inputs(self, scale=None, tokens=(2, TOKENS, CONTEXT)):
        count = tokens[0] * tokens[1] * tokens[2]
        more = {"ip_tokens": ("F32", tokens, numbers(count, -0.3))}
        if scale is not None:
            more["ip_scale"] = ("F32", (1,), array.array("f", [scale]).tobytes())
        path = self.folder / "in.safetensors"
        support.write_safetensors(path, self.plain | more)
        return path

    def run_it(self, inputs, *options):
        out = self.folder / "out.safetensors"
        return out, tenon("run", str(self.unet), *KNOWN, "--inputs", str(inputs), "--outputs", str(out), *options)

    def sample(self, inputs, *options):
        out, done = self.run_it(inputs, *options, "--json")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        notes = [f["message"] for f in json.loads(done.stdout)["findings"] if f["id"] == "TN-ATTACHED"]
        return floats(read_safetensors(out)["sample"][2]), notes

    def distance(self, sample):
        return max(abs(a - b) for a, b in zip(sample, self.expected)) / max(map(abs, self.expected))

    def test_an_adapter_of_weight_zero_changes_nothing_and_one_of_weight_one_does(self):
        with_adapter = ("--with", f"adapter={self.adapter}")
        silent, notes = self.sample(self.inputs(scale=0.0), *with_adapter)
        self.assertLess(self.distance(silent), 1e-4)
        self.assertEqual(len(notes), 1)
        self.assertIn("is ip_adapter/base; it joined 4 cross-attentions", notes[0])
        loud, _ = self.sample(self.inputs(), *with_adapter)
        self.assertGreater(self.distance(loud), 1e-2)
        half, _ = self.sample(self.inputs(scale=0.5), *with_adapter)
        self.assertNotEqual(half, loud)

    def test_only_a_unet_with_an_adapter_takes_image_tokens(self):
        _, done = self.run_it(self.inputs())
        self.assert_one_line(done, 4, 'input "ip_tokens"', "TN-INPUT-UNKNOWN")
        _, done = self.run_it(UNET / "inputs.safetensors", "--with", f"adapter={self.adapter}")
        self.assert_one_line(done, 4, 'input "ip_tokens"', "TN-INPUT-MISSING")
        _, done = self.run_it(self.inputs(tokens=(2, TOKENS, 16)), "--with", f"adapter={self.adapter}")
        self.assert_one_line(done, 4, 'input "ip_tokens"', "[N, T, 12]", "TN-INPUT-SHAPE")

    def test_an_adapter_for_other_attentions_is_refused_by_name(self):
        support.write_safetensors(self.adapter, adapter(WIDTHS | {5: 16}))
        out, done = self.run_it(self.inputs(), "--with", f"adapter={self.adapter}", "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        cause = json.loads(done.stdout)["diagnosis"][0]
        self.assertEqual(cause["id"], "TN-D-PAIR")
        self.assertIn("of width 16 at its attention 5", cause["cause"])
        self.assertFalse(out.exists())

    def test_a_face_adapters_lora_joins_unless_it_is_set_aside(self):
        support.write_safetensors(self.adapter, face_adapter())
        with_adapter = ("--with", f"adapter={self.adapter}")
        silent, notes = self.sample(self.inputs(scale=0.0), *with_adapter)
        self.assertIn("with its LoRA of rank 2", notes[0])
        self.assertGreater(self.distance(silent), 1e-3)
        aside, notes = self.sample(self.inputs(scale=0.0), *with_adapter, "--set", "adapter_lora=ignore")
        self.assertIn("without its LoRA of rank 2", notes[0])
        self.assertLess(self.distance(aside), 1e-4)

    def test_a_lora_that_fits_is_left_out_and_said_to_be(self):
        lora = {}
        for name, (_, shape, _) in read_safetensors(self.unet / "model.safetensors").items():
            if name.endswith("attn2.to_k.weight"):
                module = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
                lora[f"{module}.lora_down.weight"] = ("F32", (2, shape[1]))
                lora[f"{module}.lora_up.weight"] = ("F32", (shape[0], 2))
                lora[f"{module}.alpha"] = ("F32", ())
        path = self.write(lora, "lora.safetensors")
        _, done = self.run_it(UNET / "inputs.safetensors", "--with", f"lora={path}", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        findings = {f["id"]: f for f in json.loads(done.stdout)["findings"]}
        self.assertEqual(findings["TN-NOT-ATTACHED"]["severity"], "warning")
        self.assertIn("lora.safetensors changes nothing", findings["TN-NOT-ATTACHED"]["message"])
        self.assertIn("4 of the 4 modules", findings["TN-PAIR-MODULES"]["message"])

    def test_a_key_that_neither_has_is_refused(self):
        code, report = document("check", str(self.unet), *KNOWN, "--with", f"adapter={self.adapter}", "--set", "adapter_lora=ignore")
        self.assertEqual(code, 0, report)
        code, report = document("check", str(self.unet), *KNOWN, "--with", f"adapter={self.adapter}", "--set", "adapter_lara=ignore")
        self.assertEqual((code, report["error"]["code"]), (4, "TN-CONFIG-KEY"))


if __name__ == "__main__":
    support.main()
