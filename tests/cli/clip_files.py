"""CLIP files as their libraries write them, towers alone, encoders inside bundles, and files that only look like one."""
import json

import _support as support
from _server import document
from _support import SOURCE, tensor_list

INDEX = {entry["file"]: entry for entry in json.loads((SOURCE / "tests" / "lists" / "index.json").read_text())["lists"]}
FULL = [name for name, entry in INDEX.items()
        if name.startswith(("clip/vit-b-32.", "clip/vit-l-14.", "clip/vit-g-14.")) and "towers" not in entry["inspect"]["config"]]


def is_vision(name):
    return name.startswith(("visual", "vision_model."))


def is_text(name):
    return not is_vision(name) and name not in ("logit_scale", "input_resolution", "context_length", "vocab_size")


class ClipFiles(support.TestCase):
    def accepted(self, argument, *options):
        """What `check` says the file is; every tensor of the model has one of the file."""
        code, answer = document("check", argument, *options)
        self.assertEqual((code, answer["verdict"], answer["diagnosis"]), (0, "accepted", []), answer.get("error"))
        self.assertEqual(answer["counts"]["matched"] + answer["counts"]["derived"], answer["counts"]["expected"])
        self.assertEqual(answer["identity"]["family"], "clip")
        return answer["identity"], answer

    def undecided(self, answer):
        return {word for finding in answer["findings"] if finding["id"] == "TN-UNDECIDABLE" for word in finding["message"].split()}

    def refused(self, tensors, *options):
        """The first diagnosis of a refused file."""
        code, answer = document("check", self.write(tensors), *options)
        self.assertEqual((code, answer["verdict"]), (1, "refused"), answer)
        return answer["identity"], answer["diagnosis"][0]


class Layouts(ClipFiles):
    def test_every_list_is_told_and_mapped_without_a_rest(self):
        lists = [name for name in INDEX if name.startswith("clip/")]
        self.assertGreater(len(lists), 20)
        for name in lists:
            with self.subTest(list=name):
                inspect = INDEX[name]["inspect"]
                identity, answer = self.accepted(self.write(tensor_list(name)))
                self.assertEqual((identity["variant"], identity["layout"]), (inspect["variant"], inspect["layout"]))
                self.assertEqual(answer["counts"]["unexpected"], 0)
                self.assertEqual(identity["config"]["towers"], inspect["config"].get("towers", ["vision", "text"]))

    def test_one_tower_alone_is_a_whole_model(self):
        self.assertEqual(len(FULL), 8)
        for name in FULL:
            variant = INDEX[name]["inspect"]["variant"]
            for tower, keeps in (("vision", is_vision), ("text", is_text)):
                tensors = {n: t for n, t in tensor_list(name).items() if keeps(n)}
                with self.subTest(list=name, tower=tower):
                    path = self.write(tensors)
                    identity, _ = self.accepted(path)
                    self.assertEqual(identity["config"]["towers"], [tower])
                    part = document("inspect", path)[1]["parts"][0]  # several sizes share a text tower
                    self.assertIn(variant, [part["variant"], *part.get("also", [])])

    def test_the_vision_tower_of_transformers_without_its_level(self):
        flat = {n.removeprefix("vision_model."): t for n, t in tensor_list("clip/vit-l-14-vision.transformers.tsv").items()}
        identity, _ = self.accepted(self.write(flat))
        self.assertEqual((identity["layout"], identity["config"]["towers"]), ("transformers", ["vision"]))

    def test_activation_is_decided_by_openais_layout_and_by_a_config_and_never_else(self):
        self.assertTrue(self.accepted(self.write(tensor_list("clip/vit-b-32.openai.tsv")))[0]["config"]["quick_gelu"])
        path = self.write(tensor_list("clip/vit-b-32.open_clip.tsv"))
        identity, answer = self.accepted(path)
        self.assertNotIn("quick_gelu", identity["config"])
        self.assertIn("quick_gelu:", self.undecided(answer))
        self.assertFalse(answer["loadable"])
        for value in (True, False):
            config = INDEX["clip/vit-b-32.open_clip.tsv"]["native"]["model_cfg"] | {"quick_gelu": value}
            (self.folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
            identity, answer = self.accepted(path, "--config", str(self.folder / "open_clip_config.json"))
            self.assertEqual(identity["config"]["quick_gelu"], value)
            self.assertNotIn("quick_gelu:", self.undecided(answer))

    def test_a_size_of_which_all_releases_agree_needs_no_config(self):
        identity, answer = self.accepted(self.write(tensor_list("clip/vit-g-14.open_clip.tsv")))
        self.assertEqual(identity["config"]["quick_gelu"], False)
        self.assertEqual(self.undecided(answer), set())

    def test_heads_of_an_unreleased_width_are_not_guessed(self):
        narrow = {name: (dtype, [size * 3 // 4 if is_vision(name) and size % 768 == 0 else size for size in shape])
                  for name, (dtype, shape) in tensor_list("clip/vit-b-32.open_clip.tsv").items()}
        path = self.write(narrow)
        identity, answer = self.accepted(path)
        self.assertEqual(identity["variant"], "custom")
        self.assertLessEqual({"vision_cfg.head_width:", "text_cfg.heads:", "quick_gelu:"}, self.undecided(answer))


TEXT_L = "clip/vit-l-14-text.transformers.tsv"
TEXT_L_FLAT = "clip/vit-l-14-text.transformers-flat.tsv"


def open_clip_text(name):
    return {n: t for n, t in tensor_list(name).items() if not is_vision(n)}


def behind(prefix, tensors):
    return {prefix + name: tensor for name, tensor in tensors.items()}


class InsideBundles(ClipFiles):
    def test_text_encoders_are_parts_of_their_own(self):
        h, g = open_clip_text("clip/vit-h-14.open_clip.tsv"), open_clip_text("clip/vit-bigg-14.open_clip.tsv")
        vision = {n: t for n, t in tensor_list("clip/vit-h-14.open_clip.tsv").items() if is_vision(n)}
        sd1, sd2, sdxl = (tensor_list(f"unet/{name}.ldm.tsv") for name in ("sd1", "sd2", "sdxl"))
        refiner, svd = (tensor_list(f"unet/{name}.ldm.tsv") for name in ("sdxl-refiner", "svd"))
        cases = [
            (sd1, "cond_stage_model.transformer.", tensor_list(TEXT_L), "text_encoder", "vit-l-14"),
            (sd1, "cond_stage_model.transformer.", tensor_list(TEXT_L_FLAT), "text_encoder", "vit-l-14"),
            (sd2, "cond_stage_model.model.", h, "text_encoder", "vit-h-14"),
            (sdxl, "conditioner.embedders.0.transformer.", tensor_list(TEXT_L), "text_encoder", "vit-l-14"),
            (sdxl, "conditioner.embedders.0.transformer.", tensor_list(TEXT_L_FLAT), "text_encoder", "vit-l-14"),
            (sd1, "cond_stage_model.transformer.text_model.", tensor_list(TEXT_L), "text_encoder", "vit-l-14"),
            (sdxl, "conditioner.embedders.0.transformer.text_model.", tensor_list(TEXT_L), "text_encoder", "vit-l-14"),
            (sdxl, "conditioner.embedders.1.model.", g, "text_encoder_2", "vit-bigg-14"),
            (refiner, "conditioner.embedders.0.model.", g, "text_encoder", "vit-bigg-14"),
            (svd, "conditioner.embedders.0.open_clip.model.", vision, "image_encoder", "vit-h-14"),
        ]
        for unet, prefix, encoder, part, variant in cases:
            with self.subTest(prefix=prefix, first=next(iter(encoder))):
                path = self.write(unet | behind(prefix, encoder))
                identity, answer = self.accepted(f"{path}::{part}")
                self.assertEqual(identity["variant"], variant)
                self.assertEqual(answer["counts"]["found"], len(encoder))

    def test_both_encoders_of_sdxl_stand_beside_the_unet(self):
        path = self.write(tensor_list("unet/sdxl.ldm.tsv")
                          | behind("conditioner.embedders.0.transformer.", tensor_list(TEXT_L))
                          | behind("conditioner.embedders.1.model.", open_clip_text("clip/vit-bigg-14.open_clip.tsv")))
        code, answer = document("inspect", path)
        parts = {part["part"]: (part["family"], part["variant"], part["layout"], part["prefix"]) for part in answer["parts"]}
        self.assertEqual(code, 0)
        self.assertEqual(parts["unet"][:3], ("unet", "sdxl", "ldm"))
        self.assertEqual(parts["text_encoder"], ("clip", "vit-l-14", "transformers", "conditioner.embedders.0.transformer."))
        self.assertEqual(parts["text_encoder_2"], ("clip", "vit-bigg-14", "open_clip", "conditioner.embedders.1.model."))
        self.assertEqual(len(parts), 3)

    def test_position_ids_inside_a_bundle_are_harmless(self):
        encoder = tensor_list(TEXT_L) | {"text_model.embeddings.position_ids": ("I64", [1, 77])}
        path = self.write(tensor_list("unet/sd1.ldm.tsv") | behind("cond_stage_model.transformer.", encoder))
        _, answer = self.accepted(f"{path}::text_encoder")
        self.assertEqual((answer["counts"]["ignored"], answer["counts"]["derived"]), (1, 1))


OPEN_CLIP = "clip/vit-b-32.open_clip.tsv"
TRANSFORMERS = "clip/vit-b-32.transformers.tsv"


class Wrong(ClipFiles):
    def assert_says(self, diagnosis, id, *words):
        self.assertEqual(diagnosis["id"], id, diagnosis)
        for word in words:
            self.assertIn(word, diagnosis["cause"])

    def test_a_lost_tensor_is_named_and_what_the_file_is_stays_known(self):
        lost = {OPEN_CLIP: {name: name for name in (
                    "positional_embedding", "text_projection", "token_embedding.weight", "logit_scale", "visual.class_embedding",
                    "visual.positional_embedding", "visual.conv1.weight", "visual.proj", "visual.ln_post.bias")},
                TRANSFORMERS: {"text_model.embeddings.position_embedding.weight": "positional_embedding",
                               "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
                               "text_projection.weight": "text_projection", "logit_scale": "logit_scale",
                               "vision_model.embeddings.class_embedding": "visual.class_embedding",
                               "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
                               "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
                               "visual_projection.weight": "visual.proj"}}
        for name, tensors in lost.items():
            whole = tensor_list(name)
            for lost_name, own in tensors.items():
                with self.subTest(list=name, lost=lost_name):
                    identity, cause = self.refused({n: t for n, t in whole.items() if n != lost_name})
                    self.assertEqual((identity["family"], identity["variant"]), ("clip", "vit-b-32"))
                    self.assertEqual((identity["layout"], identity["config"]["towers"]), (name.split(".")[1], ["vision", "text"]))
                    self.assert_says(cause, "TN-D-MISSING", f'"{own}"', "the model needs", "the file")
                    self.assertEqual(cause["explains"], 1)

    def test_position_ids_and_masks_are_harmless(self):
        for name, extra in ((TRANSFORMERS, {"text_model.embeddings.position_ids": ("I64", [1, 77]),
                                            "vision_model.embeddings.position_ids": ("I64", [1, 50])}),
                            (OPEN_CLIP, {"attn_mask": ("F32", [77, 77])}),
                            ("clip/vit-b-32.open_clip_custom_text.tsv", {"text.attn_mask": ("F32", [77, 77])})):
            with self.subTest(list=name):
                _, answer = self.accepted(self.write(tensor_list(name) | extra))
                self.assertEqual(answer["counts"]["ignored"], len(extra))

    def test_a_config_of_the_other_library_fits_as_well(self):
        for weights, config in ((OPEN_CLIP, TRANSFORMERS), (TRANSFORMERS, OPEN_CLIP)):
            with self.subTest(weights=weights):
                (self.folder / "config.json").write_text(json.dumps(INDEX[config]["native"]))
                identity, _ = self.accepted(self.write(tensor_list(weights)), "--config", str(self.folder / "config.json"))
                self.assertEqual(identity["layout"], weights.split(".")[1])
                self.assertIn("quick_gelu", identity["config"])

    def test_halves_of_two_layouts_are_named_apart(self):
        for a, b in ((OPEN_CLIP, TRANSFORMERS), (TRANSFORMERS, OPEN_CLIP)):
            with self.subTest(vision=a, text=b):
                mixed = ({n: t for n, t in tensor_list(a).items() if is_vision(n)}
                         | {n: t for n, t in tensor_list(b).items() if is_text(n)})
                path = self.write(mixed)
                code, answer = document("inspect", path)
                found = {(tuple(part["config"]["towers"]), part["layout"]) for part in answer["parts"]}
                self.assertEqual((code, found), (0, {(("vision",), a.split(".")[1]), (("text",), b.split(".")[1])}))
                self.assert_one_line(support.tenon("check", path), 4, "model (clip)", "model_2 (clip)")
                path = self.write(mixed | {"logit_scale": ("F32", [])})  # which of the two it belongs to nobody can tell
                code, answer = document("check", path)
                self.assertEqual((code, answer["diagnosis"][0]["id"]), (3, "TN-D-AMBIGUOUS"))
                self.assertIn("clip (open_clip), clip (transformers)", answer["diagnosis"][0]["cause"])

    def test_a_training_checkpoint_gives_its_model(self):
        weights = tensor_list(OPEN_CLIP)
        moments = {f"optimizer.state.{i}.{kind}": t for i, t in enumerate(weights.values()) for kind in ("exp_avg", "exp_avg_sq")}
        path = self.write(behind("state_dict.module.", weights) | moments)
        self.assertEqual(self.accepted(path)[1]["counts"]["found"], len(weights))
        code, answer = document("inspect", path)
        self.assertEqual(code, 0)
        self.assertEqual({part["family"] for part in answer["parts"]}, {"clip", "training-state"})
        _, cause = self.refused(moments, "--as", "clip")
        self.assert_says(cause, "TN-D-FAMILY", "training-state", "--as asks for clip")

    def test_what_is_no_clip_is_named_and_so_is_what_was_asked_for(self):
        lora = {f"lora_te_text_model_encoder_layers_{i}_mlp_fc1.lora_{side}.weight": ("F16", shape)
                for i in range(12) for side, shape in (("down", [4, 768]), ("up", [3072, 4]))}
        for family, tensors in (("lora", lora),
                                ("blip", tensor_list("declined/blip.transformers.tsv")),
                                ("siglip", tensor_list("declined/siglip.transformers.tsv")),
                                ("siglip", tensor_list("declined/siglip-vision.transformers.tsv")),
                                ("siglip", tensor_list("declined/vit-b-16-siglip.open_clip_custom_text.tsv")),
                                ("coca", tensor_list("declined/coca_vit-b-32.open_clip.tsv")),
                                ("eva", tensor_list("declined/eva02_base_patch14_224.timm.tsv"))):
            with self.subTest(family=family):
                identity, cause = self.refused(tensors, "--as", "clip")
                self.assertEqual(identity["family"], family)
                self.assert_says(cause, "TN-D-FAMILY", f"this is {family}", "--as asks for clip")
                identity, cause = self.refused(tensors)
                self.assert_says(cause, "TN-D-NOT-BUILT", f"this is {family}", "tenon recognises it")

    def test_another_size_is_named_beside_the_one_that_was_asked_for(self):
        identity, cause = self.refused(tensor_list("clip/vit-l-14.open_clip.tsv"), "--as", "clip/vit-h-14")
        self.assertEqual(identity["variant"], "vit-l-14")
        self.assert_says(cause, "TN-D-VARIANT", "clip/vit-l-14", "--as asks for clip/vit-h-14")

    def test_a_renamed_archive_is_told_by_its_bytes(self):
        path = self.write(tensor_list(OPEN_CLIP), "ViT-B-32.pt")
        self.assertEqual(self.accepted(path)[0]["layout"], "open_clip")
        self.assertEqual(document("inspect", path)[1]["checkpoint"]["container"], "safetensors")


GOLDENS = SOURCE / "tests" / "golden" / "clip"


class ConfigsBesideTowers(ClipFiles):
    """A whole CLIP's config beside the text tower: what is about the other tower is not used, and that is said."""

    def text_tower(self, *options):
        path = self.folder / "model.safetensors"
        path.write_bytes((GOLDENS / "open_clip_text" / "checkpoint.safetensors").read_bytes())
        identity, answer = self.accepted(str(path), *options)
        return identity["config"], {finding["id"]: finding for finding in answer["findings"]}

    def test_what_it_says_of_the_other_tower_is_said_to_be_unused(self):
        whole = str(GOLDENS / "open_clip_text" / "open_clip_config.json")
        config, findings = self.text_tower("--config", whole)
        self.assertEqual(config["towers"], ["text"])
        self.assertEqual((config["text_cfg.heads"], config["quick_gelu"]), (3, False))
        unused = findings["TN-CONFIG-UNUSED"]
        self.assertEqual(unused["severity"], "warning")
        self.assertRegex(unused["message"], r"^--config gives vision_cfg\.\w+, .* and \d+ more, .*not used$")
        self.assertNotIn("text_cfg", unused["message"])

    def test_a_value_set_for_the_other_tower_is_said_to_be_unused(self):
        _, findings = self.text_tower("--set", "vision_cfg.layers=3")
        self.assertIn("--set gives vision_cfg.layers,", findings["TN-CONFIG-UNUSED"]["message"])
        self.assertEqual(findings["TN-CONFIG-UNUSED"]["severity"], "warning")

    def test_a_config_that_is_used_whole_is_not_spoken_of(self):
        whole = GOLDENS / "open_clip_vit"
        _, answer = self.accepted(str(whole / "checkpoint.safetensors"), "--config", str(whole / "open_clip_config.json"))
        self.assertEqual(answer["findings"], [])

    def test_an_epsilon_that_nothing_tells_is_said_to_be_assumed(self):
        _, findings = self.text_tower("--set", "text_cfg.heads=3", "--set", "quick_gelu=false")
        assumed = findings["TN-CONFIG-ASSUMED"]
        self.assertEqual(assumed["severity"], "note")
        self.assertIn("text_cfg.norm_kwargs.eps 1e-05", assumed["message"])
        _, findings = self.text_tower("--set", "text_cfg.norm_kwargs.eps=1e-6")
        self.assertNotIn("eps", findings["TN-CONFIG-ASSUMED"]["message"])


if __name__ == "__main__":
    support.main()
