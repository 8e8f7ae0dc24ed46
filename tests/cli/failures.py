"""Loads that failed in public issues: each file is built anew, checked, and must get the answer that would have helped.

tests/failures/cases.jsonl has one case a line; tests/failures/README.md says how they are written. Each is run as it is,
with its tensors in another order (where nothing forbids it, under another prefix too), and in other sizes.
"""
import concurrent.futures
import fnmatch
import json
import pathlib
import random
import re
import shlex
import sys
import tempfile

from _failure_files import write_file
from _server import tenon
from _support import SOURCE

# What no answer may advise, whatever the case: it leaves noise in the model, switches safety off, or throws weights away.
NEVER = [r"ignore_mismatched_sizes", r"weights_only\s*=\s*False", r"disable.safe.unpickle", r"to_empty", r"uninstall",
         r"overwrite randomly", r"pip install", r"report (this|a) bug", r"delete (the|these|those|all) (keys|entries|tensors)"]
DAMAGED = ("ST-", "ZP-", "PK-", "LG-", "IX-", "TS-", "IO-")  # only what cannot be read may have to be fetched again


def answer_to(case, folder):
    run = tenon(case.get("verb", "check"), "--json", *case["args"], cwd=folder)
    try:
        return run.returncode, json.loads(run.stdout)
    except ValueError:
        raise AssertionError(f"no JSON (exit {run.returncode}): {run.stdout[:300]}{run.stderr[:300]}") from None


def causes_of(document):
    """(id, text, remedy), the root cause first; an error is the only one."""
    error = document.get("error")
    if error:
        return [(error["code"], error["message"], error.get("remedy") or "")]
    return [(cause["id"], cause["cause"], cause.get("remedy") or "") for cause in document.get("diagnosis") or []]


def judge(case, code, document):
    causes = causes_of(document)
    name, text, remedy = causes[0] if causes else (None, "", "")
    said = f"{text} | {remedy}"
    wrong = []
    if code != case["exit"]:
        wrong.append(f"exit {code}, not {case['exit']}")
    if case["exit"] == 0 and causes:
        wrong.append("a sound file has a cause")
    if "answer" in case and name != case["answer"]:
        wrong.append(f"{name}, not {case['answer']}")
    wrong += [f"does not say {says!r}" for says in case.get("says", []) if not re.search(says, said)]
    whole = json.dumps(document)
    wrong += [f"nowhere {says!r}" for says in case.get("holds", []) if not re.search(says, whole)]
    wrong += [f"holds {never!r}" for never in case.get("lacks", []) if re.search(never, whole)]
    if wrong:
        wrong.append(f"it says: {name}: {said}")
    return wrong


def forbidden(document):
    """Every cause and every finding, not the first alone."""
    remedies = [remedy for _, _, remedy in causes_of(document)]
    remedies += [finding.get("remedy") or "" for finding in document.get("findings") or []]
    wrong = [f"advises {remedy!r}" for remedy in remedies for never in NEVER if re.search(never, remedy, re.I)]
    for name, _, remedy in causes_of(document):
        if re.search(r"download|fetch", remedy, re.I) and not name.startswith(DAMAGED):
            wrong.append(f"{name} wants the file fetched again without damage: {remedy!r}")
    return wrong


def paste(folder, document):
    """A remedy that is a command, of a cause or of a finding, is one that tenon understands: never a usage error."""
    remedies = {remedy for _, _, remedy in causes_of(document)}
    remedies |= {finding.get("remedy") or "" for finding in document.get("findings") or []}
    wrong = []
    for remedy in sorted(remedies):
        if not remedy.startswith("tenon "):
            continue
        run = tenon(*shlex.split(remedy)[1:], cwd=folder)
        if run.returncode not in (0, 1, 3):
            wrong.append(f"the remedy {remedy!r} exits {run.returncode}: {run.stderr[:200]}")
    return wrong


def folded(document):
    """No list of names: every line is short, and all refusing findings are folded under causes."""
    if not document.get("diagnosis"):
        return []
    refusing = sum(finding["severity"] == "error" for finding in document.get("findings") or [])
    explained = sum(cause["explains"] for cause in document["diagnosis"])
    wrong = [f"{explained} of {refusing} findings are explained"] if explained < refusing else []
    return wrong + [f"{len(text)} bytes: {text!r}" for _, text, _ in causes_of(document) if len(text) > 1000]


def variations(case):
    """label, prefix of every name, what is done to the list of tensors, and the case."""
    def shuffle(tensors):
        random.Random(case["id"]).shuffle(tensors)

    yield "as it is", "", lambda tensors: None, case
    if case.get("prefix", True):
        yield "in another order under module.", "module.", shuffle, case
    else:
        yield "in another order", "", shuffle, case
    for number, other in enumerate(case.get("others", [])):
        yield f"in size {number + 2}", "", shuffle, {**case, **other}


def run_one(job):
    label, prefix, shuffle, case = job
    with tempfile.TemporaryDirectory() as folder:
        for spec in case["files"]:
            write_file(spec, pathlib.Path(folder), prefix, shuffle)
        code, document = answer_to(case, folder)
        wrong = judge(case, code, document) + forbidden(document) + folded(document)
        if not label.startswith("in another order"):  # the same remedies were pasted before
            wrong += paste(folder, document)
    return f"{case['id']} ({label}): " + "; ".join(wrong) if wrong else None


def main():
    cases = [json.loads(line) for line in (SOURCE / "tests/failures/cases.jsonl").read_text().splitlines()]
    chosen = [case for case in cases if len(sys.argv) < 2 or any(fnmatch.fnmatch(case["id"], a) for a in sys.argv[1:])]
    jobs = [job for case in chosen for job in variations(case)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for answer in filter(None, pool.map(run_one, jobs)):
            failed += 1
            print(answer, flush=True)
    print(f"{len(chosen)} cases, {len(jobs)} runs, {failed} failed")
    sys.exit(1 if failed or not chosen else 0)


main()
