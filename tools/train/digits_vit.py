#!/usr/bin/env python3
"""Trains a small ViT on scikit-learn's digits and writes it in three forms.

    python tools/train/digits_vit.py [--out tests/data/digits]

Needs the packages of tests/requirements-reference.txt; about a minute on one CPU core. Everything is
seeded, so the same libraries on the same machine write the same weights. Written under --out:

    timm/            model.safetensors and config.json, by timm's save_for_hf
    transformers/    model.safetensors and config.json, by save_pretrained of ViTForImageClassification
    training/        checkpoint.pt (torch.save of state_dict with `module.` names, epoch, AdamW state)
                     and timm's config.json
    heldout.safetensors    pixel_values [360,1,8,8] float32, normalised; the images never trained on
    labels.safetensors     labels [360] int64
    expected.safetensors   logits [360,10] float32, timm's

The script fails if the three forms disagree or the accuracy on the held-out images is below 0.95.
"""
import argparse
import io
import json
from pathlib import Path

import safetensors.torch
import timm
import torch
import transformers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from timm.models._hub import save_config_for_hf, save_for_hf

MEAN, STD = 0.3, 0.4
HELD_OUT = 360
EPOCHS = 80
LEARNING_RATE = 4e-3
BATCH = 64
REQUIRED_ACCURACY = 0.95
SIZE_LIMIT = 1_000_000  # bytes, each checkpoint file


def digits():
    """The data set, split: (images [N,1,8,8] float32 normalised, labels [N] int64), twice."""
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
    images = (images - MEAN) / STD
    labels = torch.tensor(data.target, dtype=torch.int64)
    train, held_out = train_test_split(
        range(len(labels)), test_size=HELD_OUT, random_state=0, stratify=labels)
    return (images[train], labels[train]), (images[held_out], labels[held_out])


def new_model():
    return timm.create_model(
        "vit_tiny_patch16_224", img_size=8, patch_size=2, in_chans=1, num_classes=10,
        embed_dim=48, depth=3, num_heads=4, mlp_ratio=2.0)


def shifted(images, generator):
    """A third of the images moved by up to one pixel each way; the background comes in."""
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), value=(0 - MEAN) / STD)
    moves = torch.randint(0, 3, (2, len(images)), generator=generator)
    moved = torch.rand(len(images), generator=generator) < 0.33
    dy, dx = torch.where(moved, moves, 1).tolist()
    return torch.stack([p[:, y:y + 8, x:x + 8] for p, y, x in zip(padded, dy, dx)])


def train(images, labels):
    """Returns the trained model inside nn.DataParallel, and its optimizer."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = torch.nn.DataParallel(new_model())
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    steps = EPOCHS * -(-len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.15)
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH):
            logits = model(shifted(images[batch], generator))
            loss = torch.nn.functional.cross_entropy(logits, labels[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
    return model.eval(), optimizer


# timm's name of a tensor inside a block -> transformers' name in memory; qkv is split in three.
BLOCK_NAMES = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.o_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
OUTER_NAMES = {
    "cls_token": "vit.embeddings.cls_token",
    "pos_embed": "vit.embeddings.position_embeddings",
    "patch_embed.proj": "vit.embeddings.patch_embeddings.projection",
    "norm": "vit.layernorm",
    "head": "classifier",
}


def to_transformers(model):
    """The same weights as a ViTForImageClassification."""
    block = model.blocks[0]
    config = transformers.ViTConfig(
        image_size=8, patch_size=2, num_channels=1, num_labels=model.num_classes,
        hidden_size=model.embed_dim, num_hidden_layers=len(model.blocks),
        num_attention_heads=block.attn.num_heads,
        intermediate_size=block.mlp.fc1.out_features,
        layer_norm_eps=block.norm1.eps, hidden_act="gelu",
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    state = {}
    for name, tensor in model.state_dict().items():
        stem, _, kind = name.rpartition(".")
        if name in OUTER_NAMES:
            state[OUTER_NAMES[name]] = tensor
        elif stem in OUTER_NAMES:
            state[f"{OUTER_NAMES[stem]}.{kind}"] = tensor
        else:
            _, index, inner = stem.split(".", 2)
            prefix = f"vit.layers.{index}."
            if inner == "attn.qkv":
                for part, rows in zip("qkv", tensor.chunk(3)):
                    state[f"{prefix}attention.{part}_proj.{kind}"] = rows.clone()
            else:
                state[f"{prefix}{BLOCK_NAMES[inner]}.{kind}"] = tensor
    result = transformers.ViTForImageClassification(config).eval()
    result.load_state_dict(state, strict=True)
    return result


def write_timm(model, folder):
    data = {"mean": (MEAN,), "std": (STD,), "input_size": (1, 8, 8), "crop_pct": 1.0}
    save_for_hf(model, str(folder), safe_serialization=True, data_config=data)


def write_training(wrapped, optimizer, folder):
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = {
        "state_dict": wrapped.state_dict(),
        "epoch": EPOCHS,
        "optimizer": optimizer.state_dict(),
    }
    # A buffer, not a path: torch.save would write the file's stem into the archive's own names.
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    (folder / "checkpoint.pt").write_bytes(buffer.getvalue())
    data = {"mean": (MEAN,), "std": (STD,), "input_size": (1, 8, 8), "crop_pct": 1.0}
    save_config_for_hf(wrapped.module, str(folder / "config.json"), data_config=data)


def logits_as_read_back(out, images):
    """The logits of the three written forms, each read by its own library."""
    fresh = new_model().eval()
    fresh.load_state_dict(safetensors.torch.load_file(out / "timm" / "model.safetensors"))
    local = timm.create_model(f"local-dir:{out / 'timm'}", pretrained=True).eval()
    hf = transformers.ViTForImageClassification.from_pretrained(out / "transformers").eval()
    held = torch.load(out / "training" / "checkpoint.pt", weights_only=True)
    wrapped = torch.nn.DataParallel(new_model()).eval()
    wrapped.load_state_dict(held["state_dict"])
    return {
        "timm": fresh(images),
        "timm config": local(images),
        "transformers": hf(images).logits,
        "training": wrapped(images),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tests/data/digits"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    (train_images, train_labels), (images, labels) = digits()
    wrapped, optimizer = train(train_images, train_labels)
    model = wrapped.module
    write_timm(model, out / "timm")
    to_transformers(model).save_pretrained(out / "transformers")
    write_training(wrapped, optimizer, out / "training")

    with torch.no_grad():
        read_back = logits_as_read_back(out, images)
    logits = read_back["timm"]
    for form, other in read_back.items():
        worst = (other - logits).abs().max().item() / logits.abs().max().item()
        accuracy = (other.argmax(1) == labels).double().mean().item()
        print(f"{form}: accuracy {accuracy:.4f}, differs by {worst:.1e} of the maximum")
        assert worst <= 1e-5 and accuracy >= REQUIRED_ACCURACY, form
    for path in out.glob("*/*"):
        assert path.stat().st_size <= SIZE_LIMIT, path

    safetensors.torch.save_file({"pixel_values": images}, out / "heldout.safetensors")
    safetensors.torch.save_file({"labels": labels}, out / "labels.safetensors")
    safetensors.torch.save_file({"logits": logits}, out / "expected.safetensors")
    config = json.loads((out / "timm" / "config.json").read_text())
    print("timm model_args:", config["model_args"])


if __name__ == "__main__":
    main()
