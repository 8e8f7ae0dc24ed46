"""run: every ID encoder and projector from its file, as the reference computes it; inputs that do not fit are named."""
import json

import _support as support
from _server import tenon
from _support import SOURCE, floats, read_safetensors

GOLDENS = SOURCE / "tests" / "golden"


def goldens():
    for family in ("photomaker", "ip_adapter"):
        for path in sorted((GOLDENS / family).glob("*/golden.json")):
            yield path.parent, json.loads(path.read_text())


class Run(support.TestCase):
    def options(self, folder, golden):
        options = ["--as", golden["as"]] if "as" in golden else []
        for key, value in golden["set"].items():
            options += ["--set", f"{key}={json.dumps(value)}"]
        for role, file in golden.get("with", {}).items():
            options += ["--with", f"{role}={folder / file}"]
        return options

    def run_golden(self, folder, golden, inputs, *options):
        out = self.folder / "out.safetensors"
        checkpoint = folder / golden.get("checkpoint", "checkpoint.safetensors")
        return out, tenon("run", str(checkpoint), "--inputs", str(inputs), "--outputs", str(out), *options)

    def assert_near(self, out, expected, tolerance):
        outputs = read_safetensors(out)
        for name, (dtype, shape, content) in read_safetensors(expected).items():
            self.assertEqual(outputs[name][:2], (dtype, shape))
            wanted = floats(content)
            worst = max(abs(a - b) for a, b in zip(floats(outputs[name][2]), wanted))
            self.assertLessEqual(worst, tolerance * max(map(abs, wanted)), name)

    def test_every_golden_from_the_command_line(self):
        seen = 0
        for folder, golden in goldens():
            with self.subTest(golden=f"{folder.parent.name}/{folder.name}"):
                out, done = self.run_golden(folder, golden, folder / "inputs.safetensors", *self.options(folder, golden))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assert_near(out, folder / "expected.safetensors", golden["tolerance"])
                seen += 1
            for also in golden.get("also", []):
                with self.subTest(golden=f"{folder.parent.name}/{folder.name}", run=also["as"]):
                    out, done = self.run_golden(folder, golden, folder / "inputs.safetensors", *self.options(folder, golden | also))
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    self.assert_near(out, folder / also["expected"], golden["tolerance"])
        self.assertGreaterEqual(seen, 10)

    def test_an_input_that_is_missing_or_too_narrow_is_named(self):
        for folder, golden in goldens():
            inputs = read_safetensors(folder / "inputs.safetensors")
            path = self.folder / "inputs.safetensors"
            for name, (dtype, shape, content) in inputs.items():
                if name == "ip_scale":
                    continue  # optional
                rest = {key: value for key, value in inputs.items() if key != name}
                spoiled = {"missing": rest}
                if len(shape) > 1 and dtype == "F32":
                    spoiled["narrow"] = rest | {name: (dtype, shape[:-1] + [shape[-1] - 1])}
                for what, wrong in spoiled.items():
                    with self.subTest(golden=f"{folder.parent.name}/{folder.name}", input=name, what=what):
                        support.write_safetensors(path, wrong)
                        out, done = self.run_golden(folder, golden, path, *self.options(folder, golden))
                        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
                        self.assertIn(b'input "', done.stderr)
                        self.assertIn(name.encode() if what == "missing" else b"needs", done.stderr)
                        self.assertFalse(out.exists())


if __name__ == "__main__":
    support.main()
