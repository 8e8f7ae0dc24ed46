#!/usr/bin/env python3
"""The hands of the captions chapter: joins pictures and captions, and shows what fits what. Standard library only."""

import argparse
import math
import pathlib

from digits import best, numbers, picture, read_safetensors, rows, verdict, write_safetensors

CELL = 16  # columns of a picture


def join(args):
    """pixel_values [N,1,8,8] in three equal channels, beside the captions' input_ids."""
    dtype, (count, _, *sides), data = read_safetensors(args.pictures)["pixel_values"]
    size = len(data) // count
    coloured = b"".join(data[i : i + size] * 3 for i in range(0, len(data), size))
    inputs = {"pixel_values": (dtype, [count, 3, *sides], coloured)} | read_safetensors(args.ids)
    write_safetensors(args.inputs, inputs)


def percentages(logits):
    top = max(logits)
    weights = [math.exp(logit - top) for logit in logits]
    return [100 * weight / sum(weights) for weight in weights]


def table(captions, pictures, scores):
    """The pictures side by side, and below them a line a caption; the best score of each picture is marked."""
    margin = max(map(len, captions)) + 2
    for line in zip(*map(picture, pictures)):
        print(" " * margin + "  ".join(line))
    for i, caption in enumerate(captions):
        cells = []
        for column in scores:
            bar = "#" * round(column[i] / 100 * (CELL - 8))
            mark = "*" if column[i] == max(column) else " "
            cells.append(f"{column[i]:5.1f}{mark} {bar}".ljust(CELL))
        print(caption.ljust(margin) + "  ".join(cells).rstrip())


def read(args):
    captions = pathlib.Path(args.captions).read_text().splitlines()
    pictures = rows(read_safetensors(args.inputs)["pixel_values"], "f")
    labels = list(numbers(read_safetensors(args.labels)["labels"], "q")[0])
    logits = [rows(read_safetensors(path)["logits_per_image"], "f") for path in args.outputs]
    answers = [[best(row) for row in output] for output in logits]

    right = [answer == label for answer, label in zip(answers[0], labels)]
    shown = list(range(4)) + [right.index(False)]
    print()
    table(captions, [pictures[i][:64] for i in shown], [percentages(logits[0][i]) for i in shown])
    wrong = shown[-1]
    print(f"\nThe last one is a mistake: it is {captions[labels[wrong]]!r}, read as {captions[answers[0][wrong]]!r}.")

    verdict(labels, answers, "find their caption", "picture", least=0.9)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("join", help="write INPUTS from grey PICTURES and the captions' IDS")
    for argument in ("pictures", "ids", "inputs"):
        command.add_argument(argument)
    command.set_defaults(run=join)
    command = commands.add_parser("read", help="show some pictures, their captions' scores, and how often they were right")
    for argument in ("captions", "inputs", "labels"):
        command.add_argument(argument)
    command.add_argument("outputs", nargs="+")
    command.set_defaults(run=read)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
