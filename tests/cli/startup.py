"""What a verb must not do: load LibTorch, read tensors, open a socket."""
import os
import shutil
import subprocess

import _support as support
from _support import DIGITS, TENON, tenon

MODEL = str(DIGITS / "timm" / "model.safetensors")


class Startup(support.TestCase):
    def loaded_libraries(self, *args):
        """The libraries that the dynamic linker opened, by its own account."""
        log = self.folder / "linker"
        done = tenon(*args, env={"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(log)})
        text = "".join(p.read_text(errors="replace") for p in self.folder.glob("linker.*"))
        self.assertIn("libc.so", text)
        return done, text

    def test_inspect_and_ls_never_load_libtorch(self):
        for args in (["inspect", MODEL], ["ls", MODEL], ["--help"], ["check", MODEL, "--bogus"],
                     ["check", MODEL, "--policy", "strikt"], ["load", str(self.folder / "absent")]):
            with self.subTest(args=args):
                done, libraries = self.loaded_libraries(*args)
                self.assertNotIn("libtorch", libraries)
                self.assertNotIn("libc10", libraries)

    def test_check_does_load_it(self):
        done, libraries = self.loaded_libraries("check", MODEL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("libtorch", libraries)

    def test_a_missing_second_program_is_named(self):
        alone = self.folder / "bin" / "tenon"
        alone.parent.mkdir()
        shutil.copy(TENON, alone)
        done = subprocess.run([alone, "check", MODEL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              env={**os.environ, "LD_LIBRARY_PATH": self.library_path()})
        self.assert_one_line(done, 2, "tenon-torch", "TN-PROGRAM")
        done = subprocess.run([alone, "inspect", MODEL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              env={**os.environ, "LD_LIBRARY_PATH": self.library_path()})
        self.assertEqual(done.returncode, 0, done.stderr)

    @staticmethod
    def library_path():
        """Where the copy of a program that was built with shared libraries finds them."""
        build = os.path.dirname(os.path.dirname(TENON))
        return os.pathsep.join(filter(None, [build, os.environ.get("LD_LIBRARY_PATH")]))

    def test_inspect_and_ls_read_no_tensor(self):
        # A terabyte that takes no room on the disk: reading it, or giving memory to it, would not end.
        path = str(self.folder / "huge.safetensors")
        support.write_safetensors(path, {"cls_token": ("F32", [2**19, 2**19])})
        code, answer = support.document("ls", path)
        self.assertEqual((code, answer["tensors"][0]["bytes"]), (0, 2**40))
        self.assertIn(support.document("inspect", path)[0], (0, 3))


if __name__ == "__main__":
    support.main()
