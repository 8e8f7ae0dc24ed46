"""Standard streams that fail, and Ctrl-C."""
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import _support as support
from _support import DIGITS, TENON, tenon

MODEL = str(DIGITS / "timm" / "model.safetensors")
INPUTS = str(DIGITS / "heldout.safetensors")


def waits_in_write(pid):
    """The process is the LibTorch program and stands in write(2, ...)."""
    process = Path(f"/proc/{pid}")
    return (process / "comm").read_text() == "tenon-torch\n" and (process / "syscall").read_text().startswith("1 0x2 ")


class Streams(support.TestCase):
    def test_a_full_disk_behind_standard_output_is_a_failure(self):
        for args in (["inspect", MODEL], ["ls", MODEL, "--json"], ["check", MODEL], ["--help"], ["--version"]):
            with self.subTest(args=args), open("/dev/full", "wb") as full:
                done = tenon(*args, stdout=full)
                self.assertEqual(done.returncode, 2)
                self.assertIn(b"standard output", done.stderr)

    def test_a_closed_standard_output_is_a_failure(self):
        for verb in ("inspect", "check"):
            with self.subTest(verb=verb):
                done = subprocess.run(["bash", "-c", 'exec "$0" "$1" "$2" >&-', TENON, verb, MODEL],
                                      stderr=subprocess.PIPE, timeout=120)
                self.assertEqual(done.returncode, 2, done.stderr)

    def test_a_closed_standard_output_is_never_taken_for_the_output_file(self):
        out = self.folder / "out.safetensors"
        command = 'exec "$0" run "$1" --inputs "$2" --outputs "$3" >&- 2>&-'
        done = subprocess.run(["bash", "-c", command, TENON, MODEL, INPUTS, str(out)], timeout=120)
        self.assertEqual(done.returncode, 2)
        self.assertIn("logits", support.read_safetensors(out))

    def test_a_reader_that_goes_away_is_a_failure_and_no_crash(self):
        reading, writing = os.pipe()
        os.close(reading)
        done = tenon("ls", MODEL, stdout=writing)
        os.close(writing)
        self.assertEqual(done.returncode, 2)


class Progress(support.TestCase):
    """A bar on a terminal, lines of JSON on request, else nothing."""

    def errors_on_a_terminal(self, *options):
        reading, writing = pty.openpty()
        with subprocess.Popen([TENON, "load", MODEL, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=writing) as process:
            os.close(writing)
            text = b""
            while True:
                try:
                    chunk = os.read(reading, 4096)
                except OSError:  # what Linux says when the other side has closed
                    break
                if not chunk:
                    break
                text += chunk
            self.assertEqual(process.wait(timeout=60), 0, text)
        os.close(reading)
        return text.decode()

    def test_a_terminal_gets_a_bar_that_is_cleared_in_the_end(self):
        text = self.errors_on_a_terminal()
        for stage in ("open", "identify", "plan", "read", "bind"):
            self.assertIn("\r\x1b[K" + stage, text)
        self.assertIn("[##", text)
        self.assertTrue(text.endswith("\r\x1b[K"), repr(text[-20:]))

    def test_no_bar_where_none_is_wanted(self):
        self.assertEqual(self.errors_on_a_terminal("--progress", "none"), "")
        self.assertEqual(self.errors_on_a_terminal("-q"), "")
        self.assertEqual(tenon("load", MODEL).stderr, b"")

    def test_json_lines_name_stage_and_bytes(self):
        lines = [json.loads(line) for line in tenon("load", MODEL, "--progress", "json").stderr.splitlines()]
        stages = list(dict.fromkeys(line["stage"] for line in lines))
        self.assertEqual(stages, ["open", "identify", "plan", "read", "bind", "audit"])
        last = [line for line in lines if line["stage"] == "read"][-1]
        self.assertEqual(last["done"], last["total"])
        self.assertGreater(last["done"], 0)


class Interrupts(support.TestCase):
    def test_a_waiting_signal_ends_every_verb_with_7_and_the_document(self):
        def with_signal():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            os.kill(os.getpid(), signal.SIGINT)

        out = str(self.folder / "out.safetensors")
        for args in (["inspect", MODEL], ["ls", MODEL], ["check", MODEL], ["load", MODEL],
                     ["run", MODEL, "--inputs", INPUTS, "--outputs", out]):
            with self.subTest(args=args):
                done = tenon(*args, "--json", preexec_fn=with_signal)
                self.assertEqual(done.returncode, 7, done.stderr)
                answer = json.loads(done.stdout)
                self.assertEqual((answer["schema"], answer["error"]["code"]), (f"tenon.{args[0]}/1", "TN-CANCELLED"))
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_signal_in_the_middle_of_a_load_ends_it_with_7(self):
        # Standard error is a full pipe that nobody reads: the load stops where it first reports progress.
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writing, bytes(4096))
        os.set_blocking(writing, True)
        with subprocess.Popen([TENON, "load", MODEL, "--json", "--progress", "json"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=writing) as process:
            os.close(writing)
            while not waits_in_write(process.pid):
                os.sched_yield()
            process.send_signal(signal.SIGINT)
            answer = json.loads(process.stdout.read())
            self.assertEqual(process.wait(timeout=60), 7)
        os.close(reading)
        self.assertEqual((answer["schema"], answer["error"]["code"]), ("tenon.load/1", "TN-CANCELLED"))


if __name__ == "__main__":
    support.main()
