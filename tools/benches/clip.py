"""CLIP beside open_clip: load and forward of both towers."""

import json

import open_clip
import safetensors.torch
import torch
from open_clip.model import CLIP

from benches.measure import Row, in_turns, median, python_load, save_random


def clip(name, meta=False):
    config = open_clip.get_model_config(name)
    with torch.device("meta" if meta else "cpu"):
        return CLIP(**config).eval()


def save_clip(path, name):
    """A file of this size with random weights, and open_clip's config beside it."""
    save_random(path, clip(name, meta=True).state_dict())
    config = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": {}}
    (path.parent / "open_clip_config.json").write_text(json.dumps(config))
    return path


def filled(name, path):
    """The model with the file's weights; the mask that no file holds is made by the constructor, not on meta."""
    model = clip(name)
    model.load_state_dict(safetensors.torch.load_file(path))
    return model


def rows(tenon, folder, name, rounds):
    path = save_clip(folder / name / "open_clip_model.safetensors", name)
    size = path.stat().st_size / 1e9
    load = median(python_load(path, clip(name, meta=True)), rounds) * 1e3
    found = [Row(f"load CLIP {name}, {size:.2f} GB fp32, mapped", median(tenon.load(path), rounds) * 1e3, peer=load, limit=load)]
    model = filled(name, path)
    side = open_clip.get_model_config(name)["vision_cfg"]["image_size"]
    images, texts = torch.randn(1, 3, side, side), torch.randint(0, 49408, (1, 77))
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with torch.inference_mode():
            own, peer = in_turns(lambda: tenon.forward(path, threads), lambda: model(images, texts), rounds // 3)
        found.append(Row(f"forward CLIP {name}, both towers, fp32, batch 1, {threads} threads", own, peer=peer, limit=peer))
    return found
