"""A diffusion UNet trained on digits, in two layouts: the same model, step by step and as pictures."""
import array
import os
import struct
import subprocess
import zlib
from pathlib import Path

import _support as support
from _support import DIGITS, SOURCE, TENON, document, floats, read_safetensors, tenon

DATA = SOURCE / "tests" / "data" / "digits_unet"
FILES = {"diffusers": DATA / "diffusers", "ldm": DATA / "ldm" / "digits.safetensors"}
PIXEL, SIDE, COLUMNS = 8, 8, 10


def png_rows(path):
    """The rows of an 8-bit grey PNG."""
    content = Path(path).read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place, packed = 8, b""
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        body = content[place + 8:place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", body)
            assert (depth, colour) == (8, 0)
        elif kind == b"IDAT":
            packed += body
        place += length + 12
    data, above, rows = zlib.decompress(packed), bytes(width), []
    for y in range(height):
        kind, line = data[y * (width + 1)], bytearray(data[y * (width + 1) + 1:(y + 1) * (width + 1)])
        for x in range(width):
            left, up = (line[x - 1] if x else 0), above[x]
            corner = above[x - 1] if x else 0
            paeth = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            line[x] = (line[x] + (0, left, up, (left + up) // 2, paeth)[kind]) % 256
        above = bytes(line)
        rows.append(above)
    return rows


class Sampling(support.TestCase):
    def picture(self, form):
        path = self.folder / f"{form}.png"
        done = subprocess.run(
            [Path(TENON).parent / "sample-digits", FILES[form], DATA / "classes.safetensors", DATA / "noise.safetensors", path],
            env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return path, done.stdout

    def images(self, path):
        """The digits of a picture as lists of SIDE * SIDE bytes."""
        rows = [row[::PIXEL] for row in png_rows(path)[::PIXEL]]
        self.assertEqual(len(rows[0]), COLUMNS * SIDE)
        return [[v for row in rows[y:y + SIDE] for v in row[x:x + SIDE]]
                for y in range(0, len(rows), SIDE) for x in range(0, len(rows[0]), SIDE)]

    def test_one_step_gives_what_diffusers_gives(self):
        expected = floats(read_safetensors(DATA / "expected.safetensors")["sample"][2])
        for form, path in FILES.items():
            with self.subTest(form=form):
                out = self.folder / "out.safetensors"
                done = tenon("run", str(path), "--inputs", str(DATA / "step.safetensors"), "--outputs", str(out))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                worst = max(abs(a - b) for a, b in zip(floats(read_safetensors(out)["sample"][2]), expected))
                self.assertLess(worst, 1e-4 * max(map(abs, expected)))

    def test_both_files_give_the_same_picture_and_it_is_the_one_of_diffusers(self):
        (first, text), (second, other) = self.picture("diffusers"), self.picture("ldm")
        self.assertEqual(first.read_bytes(), second.read_bytes())
        self.assertEqual(text, other)
        sampled = floats(read_safetensors(DATA / "sampled.safetensors")["sample"][2])
        expected = [round((min(1, max(-1, v)) + 1) * 127.5) for v in sampled]
        drawn = [v for image in self.images(first) for v in image]
        self.assertEqual(len(drawn), len(expected))
        self.assertLessEqual(max(abs(a - b) for a, b in zip(drawn, expected)), 2)

    def test_a_digit_reader_reads_what_was_drawn(self):
        images = self.images(self.picture("diffusers")[0])
        pixels = array.array("f", ((v / 255 - 0.3) / 0.4 for image in images for v in image))
        support.write_safetensors(self.folder / "in.safetensors",
                                  {"pixel_values": ("F32", (len(images), 1, SIDE, SIDE), pixels.tobytes())})
        done = tenon("run", str(DIGITS / "timm"), "--inputs", str(self.folder / "in.safetensors"),
                     "--outputs", str(self.folder / "out.safetensors"))
        self.assertEqual(done.returncode, 0, done.stderr)
        logits = floats(read_safetensors(self.folder / "out.safetensors")["logits"][2])
        read = [max(range(10), key=lambda c, i=i: logits[10 * i + c]) for i in range(len(images))]
        right = sum(answer == i % 10 for i, answer in enumerate(read))
        self.assertGreaterEqual(right, 17, read)

    def test_the_files_hold_the_same_weights_and_say_so(self):
        code, answer = document("diff", *map(str, FILES.values()), "--values")
        self.assertEqual((code, answer["identical"]), (0, True))
        code, answer = document("inspect", str(FILES["ldm"]))
        self.assertEqual(code, 0)
        self.assertEqual([(p["family"], p["layout"], p["prefix"]) for p in answer["parts"]],
                         [("unet", "ldm", "model.diffusion_model.")])

    def test_a_missing_unet_is_an_error_in_words(self):
        done = subprocess.run([Path(TENON).parent / "sample-digits", os.devnull, "a", "b", str(self.folder / "c.png")],
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"/dev/null", done.stderr)
        self.assertFalse((self.folder / "c.png").exists())


if __name__ == "__main__":
    support.main()
