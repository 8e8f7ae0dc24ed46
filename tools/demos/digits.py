#!/usr/bin/env python3
"""The demo's hands: damages copies of the digits checkpoint, and shows what the model read. Standard library only."""

import argparse
import array
import json
import math
import pathlib
import shutil
import struct
import sys


def read_safetensors(path):
    """Returns {name: (dtype, shape, bytes)} of a safetensors file."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length :]
    return {name: (t["dtype"], t["shape"], body[slice(*t["data_offsets"])]) for name, t in header.items()}


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + body)


def damaged_copy(source, target, damage):
    """Copies a folder's model.safetensors and config.json, with `damage` done to the tensors."""
    target = pathlib.Path(target)
    target.mkdir(parents=True)
    shutil.copy(pathlib.Path(source) / "config.json", target)
    write_safetensors(target / "model.safetensors", damage(read_safetensors(pathlib.Path(source) / "model.safetensors")))


def rename(args):
    damaged_copy(args.source, args.target, lambda ts: {args.to if n == args.name else n: t for n, t in ts.items()})


def cut_head(args):
    def cut(tensors):
        for name in ("head.weight", "head.bias"):
            dtype, shape, data = tensors[name]
            tensors[name] = (dtype, [args.classes, *shape[1:]], data[: len(data) // shape[0] * args.classes])
        return tensors

    damaged_copy(args.source, args.target, cut)


def numbers(tensor, kind):
    """The elements of a tensor, and the number of them in each row."""
    _, shape, data = tensor
    return array.array(kind, data), math.prod(shape[1:])


def rows(tensor, kind):
    values, width = numbers(tensor, kind)
    return [values[i : i + width] for i in range(0, len(values), width)]


def best(row):
    """The place of the largest number."""
    return max(range(len(row)), key=row.__getitem__)


def verdict(labels, answers, found, thing, least):
    """Says how often the first file's answers are right and whether all files agree; leaves where they do not, or too few are."""
    right = sum(answer == label for answer, label in zip(answers[0], labels))
    accuracy = right / len(labels)
    agree = all(answer == answers[0] for answer in answers)
    print(f"{right} of {len(labels)} held-out digits {found} (accuracy {accuracy:.3f}).")
    print(f"The {len(answers)} files give {f'the same answer for every {thing}' if agree else 'DIFFERENT answers'}.")
    if not agree or accuracy < least:
        sys.exit(1)


def picture(pixels):
    """Eight lines for an 8x8 image of values normalised by (value / 16 - 0.3) / 0.4."""
    shades = " .:-=+*%@"
    levels = [min(8, max(0, round((p * 0.4 + 0.3) * 8))) for p in pixels]
    return ["".join(shades[level] * 2 for level in levels[row * 8 : row * 8 + 8]) for row in range(8)]


def read(args):
    folder = pathlib.Path(args.digits)
    images = rows(read_safetensors(folder / "heldout.safetensors")["pixel_values"], "f")
    labels = list(numbers(read_safetensors(folder / "labels.safetensors")["labels"], "q")[0])
    answers = [[best(row) for row in rows(read_safetensors(path)["logits"], "f")] for path in args.outputs]

    right = [answer == label for answer, label in zip(answers[0], labels)]
    shown = list(range(4)) + [right.index(False)]
    print()
    for line in zip(*(picture(images[i]) for i in shown)):
        print("  ".join(line))
    captions = [f"read as {answers[0][i]}" + ("" if right[i] else f", but it is {labels[i]}") for i in shown]
    print("  ".join(caption.center(16) for caption in captions))

    print()
    verdict(labels, answers, "are read rightly", "digit", least=0.95)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("rename", help="copy SOURCE to TARGET with one tensor renamed")
    for argument in ("source", "target", "name", "to"):
        command.add_argument(argument)
    command.set_defaults(run=rename)
    command = commands.add_parser("cut-head", help="copy SOURCE to TARGET with fewer classes")
    command.add_argument("source")
    command.add_argument("target")
    command.add_argument("classes", type=int)
    command.set_defaults(run=cut_head)
    command = commands.add_parser("read", help="show some digits, what was read, and how often it was right")
    command.add_argument("digits")
    command.add_argument("outputs", nargs="+")
    command.set_defaults(run=read)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
