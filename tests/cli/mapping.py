"""`--io read` never maps the file: what the kernel saw, by strace."""
import os
import subprocess

import _support as support


def mapped_files(log, path):
    """The mmap calls whose descriptor is that file."""
    return [line for line in log.read_text(errors="replace").splitlines() if "mmap(" in line and f"<{path}>" in line]


class Mapping(support.TestCase):
    def load(self, *options):
        model = self.copy_digits().resolve()
        log = self.folder / "calls"
        done = subprocess.run(
            ["strace", "-f", "-y", "-o", str(log), "-e", "trace=mmap,openat",
             support.TENON, "load", str(model), *options],
            capture_output=True, timeout=300,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})  # the leak checker needs ptrace to itself
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertIn(str(model), log.read_text(errors="replace"), "strace saw the file opened")
        return mapped_files(log, model)

    def test_read_never_maps_and_the_others_do(self):
        if not support.can_trace():
            return  # LoadFaults.ReadModeNeverMapsTheFile asks the same of the file's own calls
        self.assertEqual(self.load("--io", "read"), [])
        self.assertNotEqual(self.load("--io", "mmap"), [])
        self.assertNotEqual(self.load(), [])


if __name__ == "__main__":
    support.main()
