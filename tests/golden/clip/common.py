"""What the CLIP goldens share: sizes, token ids, the config in tenon's words."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import golden

import torch

CONTEXT, VOCAB = 10, 64
START, END = 62, 63  # as in the released vocabularies, the last two ids
VISION = dict(layers=2, width=16, head_width=4, patch_size=4, image_size=16)
TEXT = dict(layers=2, width=24, heads=3, context_length=CONTEXT, vocab_size=VOCAB)
EMBED = 24  # equal to the text width, as in every released ViT model


def captions(pad, end=END, beyond=None):
    """Three sequences [3, CONTEXT]: start, ids, end, padding. One fills the context.

    beyond: an id above `end`, put into the first caption, where argmax and a search for `end` part.
    """
    ids = torch.full((3, CONTEXT), pad, dtype=torch.int64)
    for row, length in enumerate((3, CONTEXT - 2, 5)):
        generator = torch.Generator().manual_seed(row)
        words = torch.randint(1, START, (length,), generator=generator)
        words[words == end] = 1
        ids[row, :length + 2] = torch.cat(
            [torch.tensor([START]), words, torch.tensor([end])])
    if beyond is not None:
        ids[0, 2] = beyond
    return ids


def images(seed, size=16):
    return golden.random_tensor((2, 3, size, size), seed)


def config_of(vision=None, text=None, embed=None):
    """What the weights decide, in open_clip's words, dotted (interface: config keys of clip)."""
    config = {}
    if embed is not None:
        config["embed_dim"] = embed
    if vision:
        keys = ("layers", "width", "image_size")
        if isinstance(vision["layers"], int):
            keys += ("patch_size",)
        config |= {f"vision_cfg.{k}": vision[k] for k in keys}
    if text:
        keys = ("layers", "width", "context_length", "vocab_size")
        config |= {f"text_cfg.{k}": text[k] for k in keys}
    if not (vision and text):
        config["towers"] = ["vision"] if vision else ["text"]
    return config


def normalized(x):
    return torch.nn.functional.normalize(x, dim=-1)


def logits(scale, image, text):
    return scale.exp() * normalized(image) @ normalized(text).T
