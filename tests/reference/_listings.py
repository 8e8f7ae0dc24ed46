"""What tenon says of many files, with few processes."""

import json
import os
import subprocess

TENON = os.environ["TENON"]
BATCH = 500


def run(folder, *arguments):
    done = subprocess.run([TENON, *arguments, "--json"], cwd=folder, capture_output=True, check=False)
    return json.loads(done.stdout)


def listings(folder, names):
    """The document of `ls` for each file: of all that open, and an error for the others."""
    documents = {}
    for begin in range(0, len(names), BATCH):
        batch = names[begin : begin + BATCH]
        for name, document in zip(batch, run(folder, "inspect", *batch), strict=True):
            documents[name] = document if document["error"] is not None else run(folder, "ls", name)
    return documents
