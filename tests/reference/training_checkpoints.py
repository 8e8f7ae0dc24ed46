"""What trainers save: the wrappers of torch itself around a ViT of timm, in files of torch.save, loaded by tenon bit for bit."""
import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))

import _support as support
from _support import document, read_safetensors, tenon

import timm
import torch
import torch.distributed
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel


def vit():
    torch.manual_seed(0)
    return timm.create_model("vit_tiny_patch16_224", depth=2, embed_dim=48, num_heads=3, num_classes=10, img_size=32)


def step(model):
    """One step of AdamW, so that the optimizer has state."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    return optimizer


class TrainingCheckpoints(support.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)

    def save(self, checkpoint):
        path = self.folder / "checkpoint.pt"
        torch.save(checkpoint, path)
        return str(path)

    def assert_loads(self, path, model, prefix):
        """tenon finds the prefix, and what it loads is the model's state, bit for bit."""
        code, answer = document("inspect", path.split("::")[0])
        self.assertEqual(code, 0, answer)
        self.assertIn(prefix, [part["prefix"] for part in answer["parts"]])
        settings = ["--set", "num_heads=3", "--set", "norm_eps=1e-6", "--set", "act=gelu"]
        code, answer = document("load", path, *settings)
        self.assertEqual((code, answer["verdict"]), (0, "accepted"), answer.get("diagnosis"))
        self.assertEqual(answer["audit"]["without_origin"], 0)
        out = self.folder / "own.safetensors"
        done = tenon("convert", path, "--to", "timm", "-o", str(out), *settings)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        state = {name: value.detach().contiguous().numpy().tobytes() for name, value in model.state_dict().items()}
        self.assertEqual({name: content for name, (_, _, content) in read_safetensors(out).items()}, state)

    def test_distributed_data_parallel(self):
        torch.distributed.init_process_group(
            "gloo", store=torch.distributed.FileStore(str(self.folder / "store"), 1), rank=0, world_size=1)
        self.addCleanup(torch.distributed.destroy_process_group)
        model = vit()
        wrapped = DistributedDataParallel(model)
        optimizer = step(wrapped)
        self.assert_loads(self.save(wrapped.state_dict()), model, "module.")
        self.assert_loads(self.save({"model": wrapped.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}), model,
                          "model.module.")

    def test_a_compiled_module(self):
        model = vit()
        compiled = torch.compile(model)
        self.assert_loads(self.save(compiled.state_dict()), model, "_orig_mod.")
        parallel = torch.nn.DataParallel(model)
        self.assert_loads(self.save({"state_dict": torch.compile(parallel).state_dict()}), model, "state_dict._orig_mod.module.")

    def test_averaged_weights_alone_and_beside_the_plain_ones(self):
        model = vit()
        averaged = AveragedModel(model)
        step(model)
        averaged.update_parameters(model)
        self.assert_loads(self.save(averaged.state_dict()), averaged.module, "module.")
        path = self.save({"state_dict": model.state_dict(), "state_dict_ema": averaged.module.state_dict()})
        self.assert_loads(path, model, "state_dict.")
        self.assert_loads(path + "::ema", averaged.module, "state_dict_ema.")

    def test_what_lightning_saves(self):
        model = vit()
        optimizer = step(model)
        module = torch.nn.Module()
        module.net = model
        path = self.save({
            "epoch": 1, "global_step": 100, "pytorch-lightning_version": "2.5.0",
            "state_dict": module.state_dict(), "loops": {"fit_loop": {"state_dict": {}}}, "callbacks": {},
            "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [{"last_epoch": 1, "_last_lr": [0.1]}],
            "hparams_name": "kwargs", "hyper_parameters": {"lr": 1e-3, "name": "vit"}})
        self.assert_loads(path, model, "state_dict.net.")

    def test_student_and_teacher_are_both_named(self):
        student = vit()
        step(student)
        teacher = copy.deepcopy(student)
        step(teacher)
        path = self.save({"student": student.state_dict(), "teacher": teacher.state_dict()})
        self.assert_one_line(tenon("load", path), 4, "student", "teacher")
        self.assert_loads(path + "::student", student, "student.")
        self.assert_loads(path + "::teacher", teacher, "teacher.")

    def test_a_wrapper_in_the_middle_of_training_is_mixed_with_bare_names(self):
        model = vit()
        state = {name if name.startswith("head.") else "module." + name: value for name, value in model.state_dict().items()}
        self.assert_loads(self.save(state), model, "module.")


if __name__ == "__main__":
    support.main()
