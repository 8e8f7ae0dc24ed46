"""Every field of every verb's document: present and of its type, on success, on refusal and on failure."""
import json
import os
import signal
import subprocess

import _support as support
from _server import document
from _support import DIGITS, TENON

MODEL = str(DIGITS / "timm" / "model.safetensors")
BARE = str(DIGITS / "transformers")
INPUTS = str(DIGITS / "heldout.safetensors")


class Either:
    """One of several specifications; a value that is no type is that value itself."""

    def __init__(self, *choices):
        self.choices = choices


class Also:
    """An object that may have these fields beside the required ones."""

    def __init__(self, required, optional):
        self.required, self.optional = required, optional


class Each:
    """An object whose keys are data and whose values are all alike."""

    def __init__(self, value):
        self.value = value


def fault(value, spec, place="document"):
    """Where and how `value` is not what `spec` says; None when it is."""
    if isinstance(spec, Either):
        faults = [fault(value, choice, place) for choice in spec.choices]
        return None if None in faults else f"{place}: {value!r} is none of {len(faults)} kinds; {faults[0]}"
    if isinstance(spec, Also):
        unknown = isinstance(value, dict) and set(value) - set(spec.required) - set(spec.optional)
        if unknown:
            return f"{place}: undocumented {sorted(unknown)}"
        asked = spec.required | {key: kind for key, kind in spec.optional.items() if isinstance(value, dict) and key in value}
        return fault(value, asked, place)
    if isinstance(spec, Each):
        spec = dict.fromkeys(value, spec.value) if isinstance(value, dict) else {"": None}
    if isinstance(spec, dict):
        if not isinstance(value, dict):
            return f"{place}: {value!r} is no object"
        missing = set(spec) - set(value)
        if missing:
            return f"{place}: no {sorted(missing)}"
        return next(filter(None, (fault(value[key], kind, f"{place}.{key}") for key, kind in spec.items())), None)
    if isinstance(spec, list):
        if not isinstance(value, list):
            return f"{place}: {value!r} is no list"
        return next(filter(None, (fault(item, spec[0], f"{place}[{i}]") for i, item in enumerate(value))), None)
    if spec is float:
        return None if isinstance(value, (int, float)) and not isinstance(value, bool) else f"{place}: {value!r} is no number"
    if isinstance(spec, type):
        sound = isinstance(value, spec) and (spec is bool or not isinstance(value, bool))
        return None if sound else f"{place}: {value!r} is no {spec.__name__}"
    return None if value == spec else f"{place}: {value!r}, not {spec!r}"


NAME = Either(str, None)
VALUE = Either(None, bool, float, str, [Either(bool, float, str, None, [float])])
TYPE = {"dtype": str, "shape": [int]}
FINDING = Also({
    "id": str, "kind": Either("missing", "unexpected", "shape", "dtype", "duplicate", "identity", "config", "pair", "container",
                              "value", "policy"),
    "severity": Either("error", "warning", "note"), "target": NAME, "source": NAME, "expected": Either(TYPE, None),
    "found": Either(TYPE, None), "rule": NAME,
    "action": Either("refuse", "drop", "fill", "resize", "inflate", "cast", "derive", "keep"), "message": str, "remedy": str,
}, {"did_you_mean": str})
DIAGNOSIS = {"id": str, "cause": str, "remedy": str, "explains": int}
CHECKPOINT = {"path": str, "container": Either("safetensors", "torch-zip", "torch-legacy", "torch-tar", "torchscript", "gguf", "index",
                                               "directory"),
              "files": [{"path": str, "bytes": int}], "tensors": int, "bytes": int, "dtypes": Each(int)}
EVIDENCE = {"for": str, "text": str}
REFUSED = {"candidate": str, "because": str}
PART = Also({
    "part": str, "prefix": str, "family": NAME, "variant": NAME, "layout": NAME, "tensors": int, "parameters": int, "config": Each(VALUE),
    "evidence": [EVIDENCE], "refused": [REFUSED], "undecidable": [Also({"what": str, "choices": [VALUE], "set_with": str},
                                                                      {"needed_by_forward": bool})], "buildable": bool,
}, {"prefixes": [str], "also": [str], "base": str, "nearest": str, "declined": str})
COUNTS = dict.fromkeys(("expected", "found", "matched", "missing", "unexpected", "mismatched", "derived", "ignored", "waived"), int)
REPORT = {
    "checkpoint": {"path": str}, "verdict": Either("accepted", "accepted-with-waivers", "refused"), "policy": str, "part": NAME,
    "identity": {"family": NAME, "variant": NAME, "layout": NAME, "config": Each(VALUE)}, "evidence": [EVIDENCE], "refused": [REFUSED],
    "loadable": bool, "counts": COUNTS, "findings": [FINDING], "diagnosis": [DIAGNOSIS],
    "tensors": [{"target": str, "from": [str], "ops": [str], "origin": Either("file", "derived", "filled"), "dtype": str, "shape": [int],
                 "rule": NAME}],
    "memory": {"host_peak_bytes": int, "device_bytes": int},
}
TIMINGS = dict.fromkeys(("open_s", "plan_s", "read_s", "bind_s", "total_s", "audit_s"), float)
LOADED = REPORT | {"timings": TIMINGS, "bytes_read": int,
                   "audit": Also(dict.fromkeys(("tensors", "without_origin", "nan", "inf"), int), {"all_zero": int})}
DOCUMENTS = {
    "inspect": {"checkpoint": CHECKPOINT, "status": Either("identified", "ambiguous", "unknown"), "parts": [PART], "findings": [FINDING],
                "diagnosis": [DIAGNOSIS]},
    "ls": {"checkpoint": CHECKPOINT, "tensors": [{"name": str, "dtype": str, "shape": [int], "bytes": int, "file": str,
                                                  "offset": Either(int, None)}], "objects": [{"path": str, "kind": str}]},
    "check": REPORT, "load": LOADED, "run": LOADED, "convert": LOADED,
    "diff": {"identical": bool, "matched": int, "only_in_a": [str], "only_in_b": [str],
             "different": [{"tensor": str, "what": Either("shape", "dtype", "value"), "a": str, "b": str, "max_abs": Either(float, None)}]},
    "explain": {"page": str},
    "bench": {"context": dict, "benchmarks": [dict]},
}
ERROR = {"code": str, "message": str, "remedy": str}


class Fields(support.TestCase):
    def setUp(self):
        super().setUp()
        self.out = str(self.folder / "out.safetensors")
        self.broken = self.copy_digits()
        tensors = support.read_safetensors(self.broken)
        tensors["blocks.1.norm_2.bias"] = tensors.pop("blocks.1.norm2.bias")
        tensors["head.bias"] = ("F32", [7])
        support.write_safetensors(self.broken, tensors)

    def command(self, verb, checkpoint):
        more = {"run": ["--inputs", INPUTS, "--outputs", self.out], "convert": ["--to", "transformers", "-o", self.out],
                "diff": [BARE]}
        return [verb, str(checkpoint), *more.get(verb, [])]

    def assert_document(self, answer, verb, spec, error=None):
        head = {"schema": f"tenon.{verb}/1", "tenon": str, "error": error}
        self.assertIsNone(fault(answer, head | spec))

    def test_on_success(self):
        for verb, spec in DOCUMENTS.items():
            command = ["explain", "TN-MISSING"] if verb == "explain" else self.command(verb, MODEL)
            with self.subTest(verb=verb):
                code, answer = document(*command)
                self.assertEqual(code, 0, answer)
                self.assert_document(answer, verb, spec)

    def test_one_tensors_way(self):
        named = {"name": str, "dtype": str, "shape": [int]}
        way = {"target": NAME, "from": [named], "ops": [str], "rule": NAME, "reason": NAME, "layouts": Each([named | {"ops": [str]}])}
        code, answer = document("explain", "cls_token", BARE)
        self.assertEqual(code, 0)
        self.assert_document(answer, "explain", {"subject": str, "family": str, "layout": str, "tensors": [way]})

    def test_on_refusal_the_first_line_is_the_root_cause_and_no_error(self):
        for verb in ("check", "load", "run", "convert"):
            with self.subTest(verb=verb):
                code, answer = document(*self.command(verb, self.broken))
                self.assertEqual(code, 1)
                self.assert_document(answer, verb, REPORT)
                self.assertEqual(answer["verdict"], "refused")
                self.assertTrue(answer["diagnosis"][0]["cause"])
                self.assertGreater(sum(d["explains"] for d in answer["diagnosis"]), 0)

    def test_waivers_and_what_they_fill(self):
        code, answer = document("check", MODEL, "--policy", "lenient", "--set", "num_classes=12")
        self.assertEqual(code, 0)
        self.assert_document(answer, "check", REPORT)
        self.assertIn("filled", [t["origin"] for t in answer["tensors"]])
        self.assertTrue([f for f in answer["findings"] if f["action"] == "fill" and f["expected"] and f["rule"]])

    def test_on_an_unknown_file(self):
        path = self.folder / "mystery.safetensors"
        support.write_safetensors(path, {"alpha.weight": ("F32", [3, 3])})
        for verb in ("inspect", "check", "load"):
            with self.subTest(verb=verb):
                code, answer = document(*self.command(verb, path))
                self.assertEqual(code, 3)
                self.assert_document(answer, verb, REPORT if verb != "inspect" else DOCUMENTS[verb])
                self.assertTrue(answer["diagnosis"])

    def test_differences(self):
        code, answer = document("diff", MODEL, str(self.broken), "--values")
        self.assertEqual(code, 1)
        self.assert_document(answer, "diff", DOCUMENTS["diff"])
        self.assertTrue(answer["different"] and answer["only_in_a"] and answer["only_in_b"])

    def test_the_error_is_filled_on_every_other_exit_code(self):
        absent = str(self.folder / "absent")
        failures = [(2, [verb, absent]) for verb in ("inspect", "ls", "check", "load", "bench")]
        failures += [(2, self.command(verb, absent)) for verb in ("run", "convert", "diff")]
        failures += [(4, [verb, "--no-such-option"]) for verb in DOCUMENTS]
        failures += [(4, ["explain", "TN-NONE"]), (4, ["convert", MODEL, "--to", "klingon", "-o", self.out])]
        failures += [(code, [*self.command(verb, MODEL), *wrong]) for verb in ("check", "load", "run", "convert")
                     for code, wrong in ((5, ["--sha256", "0" * 64]), (4, ["--as", "vat"]))]
        failures += [(6, [*self.command(verb, MODEL), "--device", "cuda:99"]) for verb in ("load", "run")]
        for expected, command in failures:
            with self.subTest(command=command):
                code, answer = document(*command)
                self.assertEqual(code, expected, answer)
                self.assert_document(answer, command[0], {}, ERROR)
                for text in ("code", "message"):
                    self.assertTrue(answer["error"][text])
                self.assertNotIn("\n", answer["error"]["message"])

    def test_the_error_is_filled_when_interrupted(self):
        def with_signal():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            os.kill(os.getpid(), signal.SIGINT)

        for verb in DOCUMENTS:
            command = ["explain", "TN-MISSING"] if verb == "explain" else self.command(verb, MODEL)
            with self.subTest(verb=verb):
                done = subprocess.run([TENON, *command, "--json"], preexec_fn=with_signal, stdout=subprocess.PIPE, timeout=120)
                self.assertEqual(done.returncode, 7)
                self.assert_document(json.loads(done.stdout), verb, {}, ERROR)


if __name__ == "__main__":
    support.main()
