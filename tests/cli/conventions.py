"""A square projection has the same shape in every convention: only the values tell whether it was transposed."""
import struct

import _support as support
from _support import SOURCE, document, read_safetensors

CLIP = SOURCE / "tests" / "data" / "digits_clip"
WIDTH = 48  # of both towers of the file; its shared space is made as wide


def square(by_columns, scale):
    numbers = [(column if by_columns else row) * WIDTH + (row if by_columns else column) for row in range(WIDTH) for column in range(WIDTH)]
    return ("F32", [WIDTH, WIDTH], struct.pack(f"<{WIDTH * WIDTH}f", *(scale * number for number in numbers)))


class Conventions(support.TestCase):
    def write(self, name, source, projections):
        tensors = read_safetensors(CLIP / source) | projections
        path = self.folder / name
        support.write_safetensors(path, tensors)
        return str(path)

    def setUp(self):
        super().setUp()
        self.open_clip = self.write("a.safetensors", "open_clip/open_clip_model.safetensors",
                                    {"text_projection": square(False, 1e-3), "visual.proj": square(False, 1e-4)})

    def transformers(self, transposed):
        return self.write("b.safetensors", "transformers/model.safetensors",
                          {"text_projection.weight": square(transposed, 1e-3), "visual_projection.weight": square(True, 1e-4)})

    def test_the_projection_of_another_convention_is_transposed(self):
        code, answer = document("diff", self.open_clip, self.transformers(True), "--values")
        self.assertEqual((code, answer["identical"]), (0, True), answer)

    def test_a_projection_that_was_not_transposed_differs_in_its_values_alone(self):
        other = self.transformers(False)
        self.assertEqual(document("diff", self.open_clip, other)[0], 0)
        code, answer = document("diff", self.open_clip, other, "--values")
        self.assertEqual(code, 1)
        self.assertEqual([(entry["tensor"], entry["what"]) for entry in answer["different"]], [("text_projection", "value")])

    def test_the_report_says_which_tensor_was_transposed(self):
        code, answer = document("check", self.transformers(True))
        made = {tensor["target"]: tensor for tensor in answer["tensors"]}
        self.assertEqual(code, 0)
        self.assertEqual(made["text_projection"]["from"], ["text_projection.weight"])
        self.assertTrue(made["text_projection"]["ops"][0].startswith("transpose"), made["text_projection"])
        code, answer = document("check", self.open_clip)
        made = {tensor["target"]: tensor for tensor in answer["tensors"]}
        self.assertEqual(made["text_projection"]["ops"], ["rename"])


support.main()
