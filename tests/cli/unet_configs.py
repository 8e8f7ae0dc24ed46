"""Where a UNet's config comes from: YAML of the original code, diffusers' JSON, a pipeline's folder; shapes win over siblings."""
import json
import shutil

import _support as support
from _server import document
from _support import SOURCE

GOLDENS = SOURCE / "tests" / "golden" / "unet"


class Configs(support.TestCase):
    def copy(self, name, folder="alone", config=None):
        """A golden's checkpoint in a folder of its own, with a config of that or another golden beside it."""
        place = self.folder / folder
        place.mkdir(parents=True, exist_ok=True)
        path = place / "model.safetensors"
        shutil.copyfile(GOLDENS / name / "checkpoint.safetensors", path)
        if config:
            shutil.copyfile(GOLDENS / config[0] / config[1], place / config[1])
        return str(path)

    def part(self, path, *options):
        code, answer = document("inspect", path, *options)
        self.assertEqual(code, 0)
        return answer["parts"][0]

    def open_questions(self, part):
        return {u["what"] for u in part["undecidable"]}

    def test_heads_come_from_the_yaml_beside_the_file_or_named(self):
        alone = self.copy("sd1_ldm")
        self.assertIn("attention_head_dim", self.open_questions(self.part(alone)))
        yaml = str(GOLDENS / "sd1_ldm" / "config.yaml")
        beside = self.copy("sd1_ldm", "beside", ("sd1_ldm", "config.yaml"))
        self.assertEqual(self.part(beside)["config"]["attention_head_dim"], 2)
        self.assertNotIn("attention_head_dim", self.open_questions(self.part(beside)))
        for arguments in ((beside,), (alone, "--config", yaml)):
            code, answer = document("check", *arguments, "--set", "norm_num_groups=2")
            self.assertEqual((code, answer["verdict"], answer["loadable"]), (0, "accepted", True), answer)
            self.assertEqual(answer["identity"]["config"]["attention_head_dim"], 2)
        code, answer = document("check", alone, "--set", "norm_num_groups=2")
        self.assertEqual((code, answer["loadable"]), (0, False))

    def test_video_and_head_widths_are_read_from_yaml(self):
        for name, key, heads in (("svd_ldm", "num_attention_heads", [2, 4]), ("sdxl_ldm", "attention_head_dim", [2, 2, 4])):
            with self.subTest(name=name):
                part = self.part(self.copy(name, name, (name, "config.yaml")))
                self.assertEqual(part["config"][key], heads)

    def test_diffusers_json_decides_everything_that_the_forward_needs(self):
        for name in ("sd1_diffusers", "sdxl_diffusers", "ssd_1b_diffusers"):
            with self.subTest(name=name):
                path = self.copy(name, name, (name, "config.json"))
                code, answer = document("check", path)
                self.assertEqual((code, answer["verdict"], answer["loadable"]), (0, "accepted", True), answer)
                self.assertEqual(document("load", path)[0], 0)

    def test_a_pipelines_folder_names_its_unet(self):
        name = "sdxl_diffusers"
        self.copy(name, "pipeline/unet", (name, "config.json"))
        unet = self.folder / "pipeline" / "unet"
        (unet / "model.safetensors").rename(unet / "diffusion_pytorch_model.safetensors")
        index = {"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
                 "scheduler": ["diffusers", "EulerDiscreteScheduler"]}
        (self.folder / "pipeline" / "model_index.json").write_text(json.dumps(index))
        part = self.part(str(self.folder / "pipeline"))
        self.assertEqual((part["part"], part["family"], part["layout"]), ("unet", "unet", "diffusers"))
        self.assertEqual(part["config"]["attention_head_dim"], [2, 2, 4])
        self.assertEqual(document("load", str(self.folder / "pipeline"))[0], 0)

    def test_a_config_of_another_model_is_a_warning_beside_and_an_error_when_named(self):
        wrong = ("sd2_diffusers", "config.json")
        beside = self.copy("sd1_fp32_diffusers", "wrong", wrong)
        code, answer = document("check", beside, "--set", "attention_head_dim=2", "--set", "norm_num_groups=4")
        self.assertEqual(code, 0, answer)
        self.assertIn(("config", "warning"), {(f["kind"], f["severity"]) for f in answer["findings"]})
        code, answer = document("check", self.copy("sd1_fp32_diffusers"), "--config", str(GOLDENS / wrong[0] / wrong[1]))
        self.assertEqual((code, answer["verdict"]), (1, "refused"))
        self.assertIn("use_linear_projection", json.dumps(answer["findings"]))


if __name__ == "__main__":
    support.main()
