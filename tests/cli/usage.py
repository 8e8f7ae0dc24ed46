"""What a user types wrongly, and what a user asks for first."""
import json

import _support as support
from _support import document, tenon


class Help(support.TestCase):
    def test_lists_every_verb_with_an_example(self):
        done = tenon("--help")
        self.assertEqual(done.returncode, 0)
        text = done.stdout.decode()
        for verb in ("inspect", "ls", "check", "load", "run", "diff", "convert", "explain", "bench"):
            self.assertIn(f"\n  {verb} ", text)
            own = tenon(verb, "--help")
            self.assertEqual(own.returncode, 0)
            self.assertIn(f"Usage: tenon {verb} ", own.stdout.decode())
            self.assertIn(f"Examples:\n  tenon {verb} ", own.stdout.decode())

    def test_says_the_version_with_and_without_a_verb(self):
        for args in (["--version"], ["check", "--version"]):
            done = tenon(*args)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout.decode(), r"^tenon \d+\.\d+\.\d+\n$")


class Usage(support.TestCase):
    def test_suggests_the_nearest_verb_or_option(self):
        self.assert_one_line(tenon("inspekt", "x"), 4, '"inspekt"', "did you mean inspect?")
        self.assert_one_line(tenon("inspect", "x", "--jsno"), 4, '"--jsno"', "did you mean --json?")
        self.assert_one_line(tenon("load", "x", "--dtype", "fp31"), 4, '"fp31"', "did you mean fp32?")

    def test_refuses_what_does_not_fit_together(self):
        cases = [
            ([], "a verb is required"),
            (["inspect"], "CKPT is missing"),
            (["check"], "check takes 1 CKPT, 0 given"),
            (["check", "a", "b"], "check takes 1 CKPT, 2 given"),
            (["diff", "a"], "diff takes 2 CKPT, 1 given"),
            (["diff", "a", "b", "--atol", "1"], "--values"),
            (["inspect", "a", "-q", "-v"], "exclude each other"),
            (["inspect", "a", "-r", "b"], "-r DIR"),
            (["run", "a", "--inputs", "b"], "--outputs"),
            (["check", "a", "--set", "heads"], '"heads"'),
            (["check", "a", "--as", "vit/"], '"vit/"'),
            (["check", "a", "--policy"], "--policy"),
            (["load", "a", "--device", "gpu"], '"gpu"'),
            (["load", "a", "--device", "cuda:x"], '"cuda:x"'),
            (["load", "a", "--device", "cuda:01"], '"cuda:01"'),
            (["load", "a", "--sha256", "12"], '"12"'),
            (["load", "a", "--sha256", "g" * 64], "64 hexadecimal"),
            (["load", "a", "--sha256", ""], "64 hexadecimal"),
            (["load", "a", "--threads", "0"], "--threads"),
            (["check", "a::"], "no part is named behind ::"),
            (["diff", "a", "b", "--values", "--atol", "-1"], '"-1" is not a number from 0 on'),
            (["diff", "a", "b", "--values", "--rtol", "nan"], '"nan" is not a number from 0 on'),
            (["bench", "a", "--device", "gpu"], '"gpu"'),
            (["bench", "a", "--dtype", "fp16", "--dtype", "int8"], '"int8"'),
            (["bench", "a", "--batch", "0"], "--batch"),
            (["check", "a", "--dtype", "fp16", "--dtype", "bf16"], "--dtype"),
            (["inspect", "a", "--policy", "strict"], '"--policy"'),
            (["check", "a", "--with", "bases=b"], "did you mean base?"),
            (["--bogus"], '"--bogus"'),
        ]
        for args, words in cases:
            with self.subTest(args=args):
                self.assert_one_line(tenon(*args), 4, words)

    def test_escapes_what_the_user_typed(self):
        done = tenon("inspect", "x", "--\x1b[31m\nred")
        self.assert_one_line(done, 4, "\\x1b", "\\x0a")

    def test_prints_the_document_also_when_the_command_line_is_wrong(self):
        code, answer = document("check", "a", "b")
        self.assertEqual(code, 4)
        self.assertEqual(answer["schema"], "tenon.check/1")
        self.assertEqual(answer["error"]["code"], "TN-USAGE")
        self.assertIn("2 given", answer["error"]["message"])
        code, answer = document("inspekt")
        self.assertEqual((code, answer["schema"]), (4, "tenon.usage/1"))

    def test_takes_common_options_before_the_verb(self):
        done = tenon("--json", "inspect", str(self.folder / "absent"))
        self.assertEqual(done.returncode, 2)
        self.assertEqual(json.loads(done.stdout)["schema"], "tenon.inspect/1")

    def test_takes_a_path_that_begins_with_a_dash_after_two_dashes(self):
        done = tenon("inspect", "--json", "--", "--json")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--json", json.loads(done.stdout)["error"]["message"])


if __name__ == "__main__":
    support.main()
