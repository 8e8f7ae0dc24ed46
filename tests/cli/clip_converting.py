"""convert and diff between every two layouts of CLIP and of ViT: there and back, bit for bit."""
import json

import _support as support
from _server import document, tenon
from _support import SOURCE, read_safetensors

GOLDEN = SOURCE / "tests" / "golden"
DIGITS_CLIP = SOURCE / "tests" / "data" / "digits_clip"
HARMLESS = ("position_ids", "num_batches_tracked", "input_resolution", "context_length", "vocab_size", "mask_token")
SCALARS = {"input_resolution", "context_length", "vocab_size"}

# Random values in each layout, and the layouts that can say the model.
CLIP = ("openai", "open_clip", "open_clip_custom_text")
MODELS = {
    "clip/openai_vit": (*CLIP, "transformers"),
    "clip/open_clip_vit": (*CLIP, "transformers"),
    "clip/open_clip_custom_text": (*CLIP, "transformers"),
    "clip/transformers_full": (*CLIP, "transformers"),
    "clip/transformers_text_projection": (*CLIP, "transformers"),
    "clip/open_clip_vision": (*CLIP, "transformers"),
    "clip/openai_rn": CLIP,
    "vit/dinov2_plain_original": ("timm", "transformers", "dinov2"),  # InternViT has no last norm
    "vit/dinov2_plain_timm": ("timm", "transformers", "dinov2"),
    "vit/dinov2_plain_transformers": ("timm", "transformers", "dinov2"),
    "vit/internvit_300m": ("timm", "transformers", "dinov2", "internvit"),
}


def weights(path):
    return {name: tensor for name, tensor in read_safetensors(path).items() if not name.endswith(HARMLESS)}


class ThereAndBack(support.TestCase):
    def convert(self, source, layout, name, *settings):
        out = str(self.folder / name)
        done = tenon("convert", str(source), "--to", layout, "-o", out, *(word for item in settings for word in ("--set", item)))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return out

    def assert_same_model(self, a, b):
        code, answer = document("diff", str(a), str(b), "--values")
        self.assertEqual((code, answer["identical"]), (0, True), answer)

    def cross(self, source, home, layout):
        there = self.convert(source, layout, "there.safetensors")
        self.assertEqual(weights(self.convert(there, home, "back.safetensors")), weights(source))
        self.assert_same_model(source, there)

    def test_every_layout_that_can_say_a_model_gives_it_back(self):
        for golden, layouts in MODELS.items():
            source = GOLDEN / golden / "checkpoint.safetensors"
            home = json.loads((source.parent / "golden.json").read_text())["inspect"]["layout"]
            for layout in layouts:
                with self.subTest(golden=golden, to=layout):
                    self.cross(source, home, layout)

    def test_an_archive_of_openai_comes_back_with_its_three_scalars(self):
        source = GOLDEN / "clip" / "openai_vit" / "checkpoint.safetensors"
        there = self.convert(source, "open_clip", "there.safetensors")
        self.assertEqual(SCALARS & set(read_safetensors(there)), set())
        back = self.convert(there, "openai", "back.safetensors", "quick_gelu=true", "vision_cfg.head_width=64", "text_cfg.heads=1")
        self.assertEqual(read_safetensors(back), read_safetensors(source))
        self.assertEqual(document("inspect", back)[1]["parts"][0]["undecidable"], [])

    def test_scalars_do_not_mark_a_model_that_openai_would_read_as_another(self):
        source = GOLDEN / "clip" / "openai_vit" / "checkpoint.safetensors"
        for name, settings in (("gelu", ["quick_gelu=false"]), ("heads", ["vision_cfg.head_width=32"])):
            with self.subTest(other=name):
                written = read_safetensors(self.convert(source, "openai", f"{name}.safetensors", *settings))
                self.assertEqual(SCALARS & set(written), set())
        whole = read_safetensors(source)
        tower = self.folder / "vision.safetensors"
        support.write_safetensors(tower, {name: tensor for name, tensor in whole.items() if name.startswith("visual.")})
        settings = ("quick_gelu=true", "vision_cfg.head_width=64")
        written = self.convert(tower, "openai", "tower.safetensors", *settings)
        self.assertEqual(SCALARS & set(read_safetensors(written)), set())

    def test_a_resnet_has_no_transformers_form(self):
        source = str(GOLDEN / "clip" / "openai_rn" / "checkpoint.safetensors")
        done = tenon("convert", source, "--to", "transformers", "-o", str(self.folder / "out.safetensors"))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn(b"no row of layout transformers", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_both_libraries_files_of_one_clip_become_each_other(self):
        """Both were written by their own library, so this holds the transposed projections against the real thing."""
        files = {"open_clip": DIGITS_CLIP / "open_clip" / "open_clip_model.safetensors",
                 "transformers": DIGITS_CLIP / "transformers" / "model.safetensors"}
        self.assert_same_model(*files.values())
        for layout, other in (("open_clip", "transformers"), ("transformers", "open_clip")):
            with self.subTest(to=layout):
                self.assertEqual(read_safetensors(self.convert(files[other], layout, "out.safetensors")),
                                 read_safetensors(files[layout]))

    def test_a_transposed_square_projection_is_another_model(self):
        path = self.folder / "turned.safetensors"
        tensors = read_safetensors(GOLDEN / "clip" / "open_clip_vit" / "checkpoint.safetensors")
        dtype, (rows, columns), content = tensors["text_projection"]
        self.assertEqual(rows, columns)
        values = support.floats(content)
        turned = type(values)("f", (values[columns * i + j] for j in range(columns) for i in range(rows)))
        tensors["text_projection"] = (dtype, [columns, rows], turned.tobytes())
        support.write_safetensors(path, tensors)
        code, answer = document("diff", str(path), str(GOLDEN / "clip" / "open_clip_vit" / "checkpoint.safetensors"), "--values")
        self.assertEqual((code, [d["tensor"] for d in answer["different"]]), (1, ["text_projection"]))


if __name__ == "__main__":
    support.main()
