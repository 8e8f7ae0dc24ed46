#!/usr/bin/env python3
"""Trains a small CLIP on scikit-learn's digits with open_clip and writes it in two layouts.

    python tools/train/digits_clip.py [--out tests/data/digits_clip]

Needs the packages of tests/requirements-reference.txt; a few minutes on one CPU core. Everything is
seeded. Each image is paired with a caption such as "a photo of the digit seven". The captions are split
by CLIP's byte-pair encoding with a small list of merges, learned here from the captions, so that the
embedding table stays small. Written under --out:

    merges.txt       the vocabulary: a header, then one merge a line, in CLIP's format
    open_clip/       open_clip_model.safetensors and open_clip_config.json
    transformers/    model.safetensors and config.json, by save_pretrained of CLIPModel
    captions.txt     the ten captions that classify, one a line, 0 to 9
    zero_shot.safetensors   inputs of `tenon run`: pixel_values [360,3,8,8], input_ids [10,32]
    expected.safetensors    logits_per_image [360,10], open_clip's

The held-out images and their order are those of digits_vit.py; their labels lie beside its output.
"""
import argparse
import collections
import gzip
import json
import math
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from digits_vit import MEAN, STD, digits, shifted

import open_clip
import safetensors.torch
import torch
import transformers
from open_clip.loss import ClipLoss
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer

EPOCHS, GROUPS, LEARNING_RATE = 100, 8, 3e-3
MERGES = 120
CONTEXT = 32
REQUIRED_ACCURACY = 0.90
SIZE_LIMIT = 2_000_000  # bytes, both layouts together

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEMPLATES = ["the digit {}", "a photo of the digit {}", "a handwritten {}", "the number {}",
             "a picture of a {}", "this is a {}", "{}", "someone wrote the digit {}"]
CLASSIFYING = "the digit {}"


def learned_merges(texts, count):
    """Byte-pair merges of the most frequent pairs; ties are settled by the pair itself."""
    words = collections.Counter(word for text in texts for word in text.split())
    split = {word: [*word[:-1], word[-1] + "</w>"] for word in words}
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, symbols in split.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, symbols in split.items():
            joined, i = [], 0
            while i < len(symbols):
                if tuple(symbols[i:i + 2]) == best:
                    joined.append(symbols[i] + symbols[i + 1])
                    i += 2
                else:
                    joined.append(symbols[i])
                    i += 1
            split[word] = joined
    return merges


def captions(digit):
    return [template.format(name) for template in TEMPLATES for name in (WORDS[digit], str(digit))]


def write_merges(path):
    """CLIP's format. No newline ends the file: its readers would take an empty merge from it."""
    merges = learned_merges([c for d in range(10) for c in captions(d)], MERGES)
    lines = ["#version: tenon digits"] + [" ".join(pair) for pair in merges]
    path.write_text("\n".join(lines))


def tokenizer_of(path):
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "merges.txt.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        return SimpleTokenizer(bpe_path=str(packed), context_length=CONTEXT)


def model_config(vocab):
    return {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 8, "patch_size": 2, "layers": 3, "width": 48, "head_width": 12,
                       "mlp_ratio": 2.0},
        "text_cfg": {"context_length": CONTEXT, "vocab_size": vocab, "layers": 2, "width": 48,
                     "heads": 4, "mlp_ratio": 2.0},
    }


def coloured(images):
    return images.expand(-1, 3, -1, -1).contiguous()


def train(config, tokenizer, images, labels):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = CLIP(**config)
    tokens = torch.stack([tokenizer(captions(d)) for d in range(10)])  # [10, captions, CONTEXT]
    by_digit = [torch.nonzero(labels == d)[:, 0] for d in range(10)]
    steps = len(labels) // (10 * GROUPS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=EPOCHS * steps, pct_start=0.15)
    loss_of = ClipLoss()

    def pick(count):
        return torch.randint(0, count, (GROUPS,), generator=generator)

    for epoch in range(EPOCHS):
        for _ in range(steps):
            # Groups of ten images, one of each digit: within a group no other caption is right.
            chosen = torch.stack([d[pick(len(d))] for d in by_digit], dim=1).flatten()
            texts = torch.stack([t[pick(len(t))] for t in tokens], dim=1).flatten(0, 1)
            image, text, scale = model(coloured(shifted(images[chosen], generator)), texts)
            groups = zip(image.split(10), text.split(10))
            loss = sum(loss_of(i, t, scale) for i, t in groups) / GROUPS
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, math.log(100))
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {loss.item():.3f}", flush=True)
    return model.eval()


def hf_block(state, source, target):
    """One block's tensors under transformers' names; the fused projection is cut in three."""
    block = {}
    for kind in ("weight", "bias"):
        for part, rows in zip("qkv", state[f"{source}.attn.in_proj_{kind}"].chunk(3)):
            block[f"{target}.self_attn.{part}_proj.{kind}"] = rows.clone()
        for ours, theirs in (("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"),
                             ("ln_2", "layer_norm2"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
            block[f"{target}.{theirs}.{kind}"] = state[f"{source}.{ours}.{kind}"]
    return block


def to_transformers(model, config, tokenizer):
    vision, text = config["vision_cfg"], config["text_cfg"]

    def sizes(width, layers, heads, ratio):
        return dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
                    intermediate_size=int(width * ratio), hidden_act="gelu", layer_norm_eps=1e-5,
                    projection_dim=config["embed_dim"])
    hf_config = transformers.CLIPConfig(
        projection_dim=config["embed_dim"],
        vision_config=sizes(vision["width"], vision["layers"], vision["width"] // vision["head_width"],
                            vision["mlp_ratio"])
        | dict(image_size=vision["image_size"], patch_size=vision["patch_size"]),
        text_config=sizes(text["width"], text["layers"], text["heads"], text["mlp_ratio"])
        | dict(vocab_size=text["vocab_size"], max_position_embeddings=CONTEXT, pad_token_id=0,
               bos_token_id=tokenizer.sot_token_id, eos_token_id=tokenizer.eot_token_id))
    state = model.state_dict()
    v, x = "vision_model", "text_model"
    named = {
        f"{v}.embeddings.class_embedding": state["visual.class_embedding"],
        f"{v}.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        f"{v}.embeddings.position_embedding.weight": state["visual.positional_embedding"],
        "visual_projection.weight": state["visual.proj"].T.contiguous(),
        f"{x}.embeddings.token_embedding.weight": state["token_embedding.weight"],
        f"{x}.embeddings.position_embedding.weight": state["positional_embedding"],
        "text_projection.weight": state["text_projection"].T.contiguous(),
        "logit_scale": state["logit_scale"],
    }
    for kind in ("weight", "bias"):
        named[f"{v}.pre_layrnorm.{kind}"] = state[f"visual.ln_pre.{kind}"]
        named[f"{v}.post_layernorm.{kind}"] = state[f"visual.ln_post.{kind}"]
        named[f"{x}.final_layer_norm.{kind}"] = state[f"ln_final.{kind}"]
    for i in range(vision["layers"]):
        named |= hf_block(state, f"visual.transformer.resblocks.{i}", f"{v}.encoder.layers.{i}")
    for i in range(text["layers"]):
        named |= hf_block(state, f"transformer.resblocks.{i}", f"{x}.encoder.layers.{i}")
    result = transformers.CLIPModel(hf_config).eval()
    result.load_state_dict(named, strict=True)
    return result


def write_open_clip(model, config, folder):
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    document = {"model_cfg": config,
                "preprocess_cfg": {"size": [8, 8], "mean": [MEAN] * 3, "std": [STD] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(document, indent=2) + "\n")


@torch.no_grad()
def logits_as_read_back(out, images, ids):
    """logits_per_image of both written forms, each read by its own library."""
    config = json.loads((out / "open_clip" / "open_clip_config.json").read_text())["model_cfg"]
    ours = CLIP(**config).eval()
    ours.load_state_dict(
        safetensors.torch.load_file(out / "open_clip" / "open_clip_model.safetensors"))
    theirs = transformers.CLIPModel.from_pretrained(out / "transformers").eval()
    return {"open_clip": ours.get_logits(images, ids)[0],
            "transformers": theirs(pixel_values=images, input_ids=ids).logits_per_image}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tests/data/digits_clip"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    write_merges(out / "merges.txt")
    tokenizer = tokenizer_of(out / "merges.txt")
    config = model_config(tokenizer.vocab_size)
    (train_images, train_labels), (images, labels) = digits()
    model = train(config, tokenizer, train_images, train_labels)
    write_open_clip(model, config, out / "open_clip")
    to_transformers(model, config, tokenizer).save_pretrained(out / "transformers")

    classifying = [CLASSIFYING.format(word) for word in WORDS]
    (out / "captions.txt").write_text("\n".join(classifying) + "\n")
    inputs = {"pixel_values": coloured(images), "input_ids": tokenizer(classifying)}
    read_back = logits_as_read_back(out, inputs["pixel_values"], inputs["input_ids"])
    logits = read_back["open_clip"]
    for form, other in read_back.items():
        worst = ((other - logits).abs().max() / logits.abs().max()).item()
        accuracy = (other.argmax(1) == labels).double().mean().item()
        print(f"{form}: zero-shot accuracy {accuracy:.4f}, differs by {worst:.1e} of the maximum")
        assert worst <= 1e-5 and accuracy >= REQUIRED_ACCURACY, form
    size = sum(p.stat().st_size for p in out.glob("*/*"))
    assert size <= SIZE_LIMIT, size
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {size} bytes in both layouts")
    safetensors.torch.save_file(inputs, out / "zero_shot.safetensors")
    safetensors.torch.save_file({"logits_per_image": logits}, out / "expected.safetensors")


if __name__ == "__main__":
    main()
