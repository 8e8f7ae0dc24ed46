"""IP-Adapter files: from what training scripts write to what is published, and back; files that are not what they are called."""
import os

import _support as support
import _torch_values as torch_file
from _server import document, tenon
from _support import SOURCE, read_safetensors

GOLDENS = SOURCE / "tests" / "golden" / "ip_adapter"
BASE = GOLDENS / "attached-base"
FACEID = GOLDENS / "attached-faceid"

# SD 1's transformer blocks in the order of diffusers' attention processors: down, up, middle.
BLOCKS = [f"{level}.attentions.{i}.transformer_blocks.0" for level, count in
          (("down_blocks.0", 2), ("down_blocks.1", 2), ("down_blocks.2", 2), ("up_blocks.1", 3), ("up_blocks.2", 3),
           ("up_blocks.3", 3), ("mid_block", 1)) for i in range(count)]


def path_of(number):
    return f"{BLOCKS[number // 2]}.{'attn2' if number % 2 else 'attn1'}.processor"


def renamed(published, projector, attention):
    """Published names in others: `attention` gives the prefix of a number."""
    tensors = {}
    for name, value in published.items():
        if name.startswith("image_proj."):
            tensors[projector + name.removeprefix("image_proj.")] = value
        else:
            _, number, rest = name.split(".", 2)
            tensors[attention(int(number)) + "." + rest] = value
    return tensors


def numbered(published):
    return renamed(published, "image_proj_model.", lambda n: f"adapter_modules.{n}")


def by_path(published, unet="unet."):
    return renamed(published, "image_proj_model.", lambda n: unet + path_of(n))


class Adapters(support.TestCase):
    def setUp(self):
        super().setUp()
        self.out = str(self.folder / "out.safetensors")
        self.base = read_safetensors(BASE / "adapter.safetensors")
        self.faceid = read_safetensors(FACEID / "adapter.safetensors")
        self.frozen = {"unet." + name: value for name, value in read_safetensors(BASE / "checkpoint.safetensors").items()}

    def convert(self, source, *options, layout="published"):
        done = tenon("convert", source, "--to", layout, "-o", self.out, *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return read_safetensors(self.out)

    def refused(self, *args):
        code, answer = document(*args)
        self.assertEqual(code, 1, answer["error"])
        self.assertFalse(os.path.exists(self.out))
        return answer["diagnosis"][0], answer


class Training(Adapters):
    """Every container and naming that training scripts leave behind; the published values come out bit for bit."""

    def test_the_file_that_a_training_script_saved(self):
        self.assertEqual(self.convert(str(BASE / "training.safetensors")), self.base)

    def test_names_with_numbers_by_path_and_both(self):
        for published in (self.base, self.faceid):
            forms = {"numbered": numbered(published), "by path": by_path(published), "both": numbered(published) | by_path(published),
                     "without unet.": by_path(published, ""),
                     "split by hand": renamed(published, "image_proj_model.", lambda n: f"ip_adapter.{n}"),
                     "half renamed": renamed(published, "image_proj.", lambda n: f"adapter_modules.{n}")}
            for form, tensors in forms.items():
                for frozen in ({}, self.frozen):
                    if form == "without unet." and frozen:
                        continue
                    with self.subTest(form=form, tensors=len(tensors), frozen=bool(frozen)):
                        self.assertEqual(self.convert(self.write(tensors | frozen)), published)

    def test_distributed_training_puts_a_level_in_front(self):
        tensors = {"module." + name: value for name, value in (numbered(self.faceid) | self.frozen).items()}
        self.assertEqual(self.convert(self.write(tensors)), self.faceid)

    def test_a_folder_of_accelerate(self):
        folder = self.folder / "checkpoint-100"
        folder.mkdir()
        optimizer = {"state": {"0": {"exp_avg": ("F32", [4], bytes(16))}}}
        torch_file.write(folder / "optimizer.bin", optimizer)
        torch_file.write(folder / "pytorch_model.bin", numbered(self.faceid) | by_path(self.faceid) | self.frozen)
        self.assertEqual(self.convert(str(folder)), self.faceid)
        # accelerate 0.25 and later: safetensors, and the second name of every shared tensor is gone
        (folder / "pytorch_model.bin").unlink()
        support.write_safetensors(folder / "model.safetensors", {**by_path(self.faceid), **self.frozen})
        self.assertEqual(self.convert(str(folder)), self.faceid)

    def test_files_of_deepspeed(self):
        states = {"module": numbered(self.base) | self.frozen, "optimizer": None, "global_steps": 100, "ds_version": "0.14.0"}
        torch_file.write(self.folder / "mp_rank_00_model_states.pt", states)
        self.assertEqual(self.convert(str(self.folder / "mp_rank_00_model_states.pt")), self.base)
        torch_file.write(self.folder / "pytorch_model.bin", numbered(self.base) | by_path(self.base) | self.frozen)  # consolidated
        self.assertEqual(self.convert(str(self.folder / "pytorch_model.bin")), self.base)

    def test_nested_dicts_and_a_state_dict_around_them(self):
        split = {"image_proj_model": {n.removeprefix("image_proj."): v for n, v in self.base.items() if n.startswith("image_proj.")},
                 "ip_adapter": {n.removeprefix("ip_adapter."): v for n, v in self.base.items() if n.startswith("ip_adapter.")}}
        torch_file.write(self.folder / "split.bin", split)
        self.assertEqual(self.convert(str(self.folder / "split.bin")), self.base)
        torch_file.write(self.folder / "whole.ckpt", {"state_dict": numbered(self.base) | self.frozen, "epoch": 3})
        self.assertEqual(self.convert(str(self.folder / "whole.ckpt")), self.base)

    def test_a_unet_that_diffusers_saved_with_the_adapter_inside(self):
        self.assertEqual(self.convert(str(BASE / "resaved.safetensors") + "::ip_adapter"), self.base)

    def test_a_torch_values_has_the_two_dicts_of_the_published_ones(self):
        for published in (self.base, self.faceid):
            self.out = str(self.folder / "ip-adapter.bin")
            done = tenon("convert", self.write(numbered(published) | self.frozen), "--to", "published", "-o", self.out)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            written = torch_file.read(self.out)
            self.assertEqual(list(written), ["image_proj", "ip_adapter"])
            self.assertEqual(torch_file.flat(written), published)
            # no tensor drags the storage of another along
            self.assertLess(os.path.getsize(self.out), sum(len(v[2]) for v in published.values()) + 1000 * len(published))
            self.assertEqual(tenon("load", self.out).returncode, 0)

    def test_the_way_back(self):
        for published in (self.base, self.faceid):
            written = self.convert(self.write(published), layout="training")
            self.assertEqual(written, numbered(published))
            again = self.write(written, "again.safetensors")
            self.assertEqual(self.convert(again), published)

    def test_the_frozen_unet_is_counted_and_not_written(self):
        code, answer = document("convert", self.write(numbered(self.base) | self.frozen), "--to", "published", "-o", self.out)
        self.assertEqual(code, 0)
        self.assertEqual(answer["counts"]["ignored"], len(self.frozen))
        self.assertEqual(answer["counts"]["matched"], len(self.base))


class Refused(Adapters):
    """What cannot be mapped is named, and nothing is written."""

    def convert_refused(self, tensors, *options):
        return self.refused("convert", self.write(tensors), "--to", "published", "-o", self.out, *options)

    def named(self, answer, kind):
        return {finding["source"] or finding["target"] for finding in answer["findings"] if finding["kind"] == kind}

    def test_a_number_that_no_attention_has_a_pair_for(self):
        odd = {"adapter_modules.33.to_k_ip.weight": self.base["ip_adapter.31.to_k_ip.weight"]}
        _, answer = self.convert_refused(numbered(self.base) | odd)
        self.assertIn("ip_adapter.33.to_v_ip.weight", self.named(answer, "missing"))

    def test_a_processor_of_another_topology(self):
        odd = {"unet.down_blocks.7.attentions.0.transformer_blocks.0.attn2.processor.to_k_ip.weight":
               self.base["ip_adapter.31.to_k_ip.weight"]}
        cause, answer = self.convert_refused(by_path(self.base) | odd)
        self.assertEqual(self.named(answer, "unexpected"), set(odd))
        self.assertIn("unet.down_blocks.7.attentions.0", cause["cause"])

    def test_a_tensor_of_nobody(self):
        cause, answer = self.convert_refused(numbered(self.base) | {"text_proj.weight": ("F16", [4, 4], bytes(32))})
        self.assertEqual(self.named(answer, "unexpected"), {"text_proj.weight"})
        self.assertIn("text_proj.weight", cause["cause"])

    def test_two_copies_that_disagree(self):
        tensors = numbered(self.base) | by_path(self.base)
        name = "adapter_modules.5.to_k_ip.weight"
        dtype, shape, content = tensors[name]
        tensors[name] = dtype, shape, bytes(len(content))
        cause, _ = self.convert_refused(tensors)
        self.assertIn(name, cause["cause"])
        self.assertIn("down_blocks.1.attentions.0", cause["cause"])

    def test_a_lora_that_the_other_naming_has_no_place_for(self):
        code, answer = document("convert", self.write(self.faceid), "--to", "diffusers", "-o", self.out)
        self.assertEqual((code, answer["error"]["code"]), (4, "TN-CONVERT-LAYOUT"))
        self.assertIn('"ip_adapter.0.to_k_lora.down.weight"', answer["error"]["message"])
        self.assertFalse(os.path.exists(self.out))

    def test_only_the_projector(self):
        cause, _ = self.convert_refused({n: v for n, v in numbered(self.base).items() if n.startswith("image_proj_model.")})
        self.assertIn("to_k_ip", cause["cause"])

    def test_no_projector(self):
        _, answer = self.convert_refused({n: v for n, v in numbered(self.base).items() if not n.startswith("image_proj_model.")})
        self.assertIn("image_proj.proj.weight", self.named(answer, "missing"))

    def test_a_lora_on_some_attentions(self):
        name = "adapter_modules.12.to_q_lora.up.weight"
        _, answer = self.convert_refused({n: v for n, v in numbered(self.faceid).items() if n != name})
        self.assertEqual(self.named(answer, "missing"), {"ip_adapter.12.to_q_lora.up.weight"})


class Template(Adapters):
    def test_a_template_that_is_met(self):
        template = str(BASE / "adapter.safetensors")
        self.assertEqual(self.convert(str(BASE / "training.safetensors"), "--against", template), self.base)

    def test_every_difference_is_listed_and_nothing_written(self):
        template = dict(self.base)
        del template["ip_adapter.3.to_v_ip.weight"]
        dtype, shape, content = template["image_proj.norm.bias"]
        template["image_proj.norm.bias"] = dtype, [shape[0] + 2], content + bytes(4)
        template["image_proj.more"] = dtype, [1], bytes(2)
        against = self.write(template, "template.safetensors")
        cause, answer = self.refused("convert", self.write(numbered(self.base), "training.safetensors"), "--to", "published", "-o", self.out,
                                     "--against", against)
        self.assertEqual(cause["id"], "TN-D-AGAINST")
        self.assertIn("3 names or shapes differ", cause["cause"])
        self.assertEqual({(f["id"], f["source"]) for f in answer["findings"] if f["id"].startswith("TN-AGAINST")},
                         {("TN-AGAINST-UNEXPECTED", "ip_adapter.3.to_v_ip.weight"), ("TN-AGAINST-SHAPE", "image_proj.norm.bias"),
                          ("TN-AGAINST-MISSING", "image_proj.more")})

    def test_a_template_of_another_kind(self):
        cause, answer = self.refused("convert", self.write(numbered(self.base)), "--to", "published", "-o", self.out,
                                     "--against", str(FACEID / "adapter.safetensors"))
        self.assertEqual(cause["id"], "TN-D-AGAINST")
        missing = {f["source"] for f in answer["findings"] if f["id"] == "TN-AGAINST-MISSING"}
        self.assertIn("ip_adapter.0.to_q_lora.down.weight", missing)


if __name__ == "__main__":
    support.main()
