"""Every tensor of a model, rebuilt with numpy from what the report says: the file's bytes, `from` and `ops`."""
import json
import re

import numpy

import _support as support
from _server import document
from _support import DIGITS, SOURCE, read_safetensors

GOLDEN = SOURCE / "tests" / "golden"
OWN_LAYOUT = {"vit": "timm", "clip": "open_clip", "unet": "diffusers", "photomaker": "official", "ip_adapter": "published"}
# BF16 has no numpy type; its operations move bytes only.
TYPES = {"F32": "f4", "F16": "f2", "BF16": "u2", "I64": "i8", "U8": "u1", "BOOL": "?"}


def as_array(dtype, shape, content):
    return numpy.frombuffer(content, "<" + TYPES[dtype]).reshape(shape)


def part_of(x, dim, begin, end):
    return x[(slice(None),) * dim + (slice(begin, x.shape[dim] if end == -1 else end),)]


def pad(x, dim, before, after):
    return numpy.pad(x, [(before, after) if d == dim else (0, 0) for d in range(x.ndim)])


def split(x, dim, parts, which):
    return numpy.split(x, parts, dim)[which]


OPERATIONS = {
    "rename": lambda x: x,
    "transpose": lambda x: x.T,
    "permute": lambda x, *order: x.transpose(order),
    "reshape": lambda x, *shape: x.reshape(shape),
    "slice": part_of,
    "split": split,
    "pad": pad,
    "scale": lambda x, factor: x * x.dtype.type(factor),
    "add": lambda x, y: x + y,
    "concat": lambda dim, *parts: numpy.concatenate(parts, dim),
    "fill": lambda value, *shape: numpy.full(shape, value),
}


class Expression:
    """`name`, `name(1, 2)` or the nested `name($1, name($2, 3))`."""

    def __init__(self, text):
        self.words = re.findall(r"[$]\d+|[a-z_]+|-?\d+(?:[.]\d+)?|[(),]", text)
        assert "".join(self.words) == text.replace(" ", ""), text

    def parse(self):
        name = self.words.pop(0)
        arguments = []
        if self.words and self.words[0] == "(":
            while self.words.pop(0) != ")":
                if self.words[0] == ")":
                    continue
                arguments.append(self.argument())
        return name, arguments

    def argument(self):
        word = self.words[0]
        if word[0].isalpha():
            return self.parse()
        self.words.pop(0)
        return word if word[0] == "$" else float(word) if "." in word else int(word)


def evaluate(node, sources):
    if isinstance(node, str):
        return sources[int(node[1:]) - 1]
    if isinstance(node, tuple):
        return OPERATIONS[node[0]](*(evaluate(argument, sources) for argument in node[1]))
    return node


def rebuild(ops, sources):
    """One nested expression, or a chain whose first operation takes all sources."""
    value = None
    for op in ops:
        name, arguments = Expression(op).parse()
        if "$" not in op:
            operands = [f"${i + 1}" for i in range(len(sources))] if value is None else ["$1"]
            arguments = arguments + operands if name == "concat" else operands + arguments if name != "fill" else arguments
        value = evaluate((name, arguments), sources if value is None else [value])
    return value


def goldens():
    """Two of each family and layout: the first and the last by name. A bridge's values are those of the other family."""
    chosen = {}
    for path in sorted(GOLDEN.glob("*/*/checkpoint.safetensors")):
        if path.parent.name.startswith("bridge_"):
            continue
        part = next(part for part in document("inspect", str(path))[1]["parts"] if part["family"] in OWN_LAYOUT)
        chosen.setdefault((part["family"], part["layout"]), []).append(path)
    return sorted({(path, family) for (family, _), paths in chosen.items() for path in (paths[0], paths[-1])})


class Rebuild(support.TestCase):
    def check(self, path, family, settings=()):
        out = self.folder / "own.safetensors"
        code, report = document("convert", str(path), "--to", OWN_LAYOUT[family], "-o", str(out), *settings)
        self.assertEqual(code, 0, report.get("diagnosis"))
        own = {name.removeprefix("id_encoder."): value for name, value in read_safetensors(out).items()
               if not name.startswith("lora_weights.")}  # a part beside the model
        file = read_safetensors(path)
        for tensor in report["tensors"]:
            if tensor["origin"] != "file":
                continue
            dtype, shape, content = own.pop(tensor["target"])
            self.assertEqual((dtype, shape), (tensor["dtype"], tensor["shape"]))
            built = rebuild(tensor["ops"], [as_array(*file[name]) for name in tensor["from"]])
            self.assertEqual(list(built.shape), shape, tensor)
            built = numpy.ascontiguousarray(built).astype("<" + TYPES[dtype])
            self.assertEqual(built.tobytes(), content, tensor)
        self.assertEqual(own, {})

    def test_the_digits(self):
        for form in ("timm", "transformers"):
            with self.subTest(form=form):
                self.check(DIGITS / form / "model.safetensors", "vit")

    def test_goldens_of_every_layout(self):
        chosen = goldens()
        self.assertEqual({family for _, family in chosen}, set(OWN_LAYOUT))
        for path, family in chosen:
            with self.subTest(golden=path.parent.name):
                values = json.loads((path.parent / "golden.json").read_text()).get("set", {})
                settings = [word for key, value in values.items()
                            for word in ("--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}")]
                self.check(path, family, settings)

    def test_a_wrong_report_would_be_noticed(self):
        path = DIGITS / "transformers" / "model.safetensors"
        _, report = document("check", str(path))
        file = read_safetensors(path)
        fused = next(t for t in report["tensors"] if t["target"] == "blocks.0.attn.qkv.weight")
        own = read_safetensors(DIGITS / "timm" / "model.safetensors")["blocks.0.attn.qkv.weight"][2]
        sources = [as_array(*file[name]) for name in fused["from"]]
        self.assertEqual(rebuild(fused["ops"], sources).tobytes(), own)
        self.assertNotEqual(rebuild(fused["ops"], sources[::-1]).tobytes(), own)
        self.assertNotEqual(rebuild([*fused["ops"], "pad(0, 1, 0)"], sources).tobytes(), own)


if __name__ == "__main__":
    support.main()
