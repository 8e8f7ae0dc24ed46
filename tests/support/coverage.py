"""Reads gcov's JSON documents from standard input and prints which part of the lines of runtime/io and runtime/formats ran."""

import collections
import json
import sys

REQUIRED = 0.95


def main():
    ran = collections.defaultdict(lambda: collections.defaultdict(int))
    for line in sys.stdin:
        if not line.startswith("{"):
            continue
        for file in json.loads(line)["files"]:
            name = file["file"]
            at = max(name.find("runtime/io/"), name.find("runtime/formats/"))
            if at < 0:
                continue
            for entry in file["lines"]:
                ran[name[at:]][entry["line_number"]] += entry["count"]
    lines = sum(len(counts) for counts in ran.values())
    hit = sum(sum(count > 0 for count in counts.values()) for counts in ran.values())
    for name in sorted(ran):
        missed = sorted(line for line, count in ran[name].items() if count == 0)
        part = 1 - len(missed) / len(ran[name])
        print(f"{part:7.1%} {name}" + (f"  not run: {', '.join(map(str, missed))}" if missed else ""))
    if not lines:
        sys.exit("no counts were found")
    print(f"{hit / lines:7.1%} of {lines} lines")
    sys.exit(0 if hit / lines >= REQUIRED else 1)


if __name__ == "__main__":
    main()
