"""What the goldens of transformers models share: the names on disk, config.json, wrong models."""
import copy
import tempfile
from pathlib import Path

import safetensors.torch
import torch


def as_saved(model):
    """(tensors under the names that save_pretrained writes, text of its config.json)."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tensors = safetensors.torch.load_file(Path(folder) / "model.safetensors")
        return tensors, (Path(folder) / "config.json").read_text()


def config_writer(text):
    return lambda folder: (folder / "config.json").write_text(text.rstrip("\n") + "\n")


def changed(model, run, inputs, change):
    """A function giving the outputs of a deep copy of `model` after `change(copy)`."""
    def outputs():
        twin = copy.deepcopy(model)
        change(twin)
        return run(twin, inputs)
    return outputs


def set_eps(value):
    def change(model):
        for module in model.modules():
            for name in ("eps", "variance_epsilon"):
                if hasattr(module, name) and hasattr(module, "weight"):
                    setattr(module, name, value)
    return change


def set_heads(value):
    """Another head count on every module that splits its width into heads."""
    def change(model):
        for module in model.modules():
            for count in ("num_heads", "num_attention_heads"):
                if not (hasattr(module, count) and hasattr(module, "head_dim")):
                    continue
                width = getattr(module, count) * module.head_dim
                setattr(module, count, value)
                module.head_dim = width // value
                for scale in ("scale", "scaling"):
                    if hasattr(module, scale):
                        setattr(module, scale, module.head_dim ** -0.5)
    return change


class QuickGelu(torch.nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


def set_act(new):
    """`new()` in place of every MLP activation."""
    def change(model):
        for module in model.modules():
            if hasattr(module, "activation_fn"):
                module.activation_fn = new()
    return change


def lose(path):
    def change(model):
        owner, _, name = path.rpartition(".")
        setattr(model.get_submodule(owner), name, torch.nn.Identity())
    return change


def exchange(pairs):
    """Exchanges parameters of the live model, named as in its state dict."""
    def change(model):
        state = {k: v.clone() for k, v in model.state_dict().items()}
        for a, b in pairs:
            state[a], state[b] = state[b], state[a]
        model.load_state_dict(state, strict=True)
    return change
