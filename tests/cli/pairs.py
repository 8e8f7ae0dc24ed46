"""check with partners: a verdict over several files before any is loaded, and files that are not what they are called.

The files have the names and shapes of the published ones and no weights.
"""
import shutil

import _support as support
from _server import document, tenon
from _support import SOURCE

LISTS = SOURCE / "tests" / "lists"


def listed(name):
    tensors = {}
    for line in (LISTS / f"{name}.tsv").read_text().splitlines():
        tensor, dtype, shape = line.split("\t")
        tensors[tensor] = dtype, [int(size) for size in shape.split(",")] if shape else []
    return tensors


ADAPTERS = {name: f"ip_adapter/{name}.published" for name in
            ("base-sd15", "base-sd15-vit-g", "base-sdxl", "base-sdxl-vit-h", "plus-sd15", "plus-sdxl-vit-h", "full-sd15", "faceid-sd15",
             "faceid-plus-sd15", "faceid-portrait-sd15", "faceid-portrait-sdxl-unnorm")}


class Files(support.TestCase):
    def file(self, name, tensors=None):
        path = self.folder / (name.replace("/", "-") + ".safetensors")
        if not path.exists():
            support.write_safetensors(path, tensors if tensors is not None else listed(ADAPTERS.get(name, name)))
        return str(path)

    def check(self, *args):
        return document("check", *args)

    def assert_fits(self, path, **partners):
        code, answer = self.check(path, *self.partners(partners))
        self.assertEqual((code, answer["diagnosis"]), (0, []), answer["findings"])
        return answer

    def assert_misfit(self, path, *words, such_as="", **partners):
        """`such_as`: the released model that the remedy names."""
        code, answer = self.check(path, *self.partners(partners))
        self.assertEqual(code, 1, (path, partners))
        cause = answer["diagnosis"][0]
        self.assertEqual(cause["id"], "TN-D-PAIR", cause)
        for word in words:
            self.assertIn(word, cause["cause"])
        self.assertIn(such_as, cause["remedy"])
        return answer

    @staticmethod
    def partners(partners):
        return [argument for role, path in partners.items() for argument in ("--with", f"{role}={path}")]


class Bases(Files):
    def test_the_width_of_the_cross_attentions(self):
        sd15, sdxl = self.file("base-sd15"), self.file("base-sdxl")
        for adapter, unet, needed, given, fits in ((sdxl, "unet/sd1.diffusers", 2048, 768, "unet/sdxl"),
                                                   (sd15, "unet/sdxl.diffusers", 768, 2048, "unet/sd1"),
                                                   (sd15, "unet/sd2.diffusers", 768, 1024, "unet/sd1")):
            unet = self.file(unet)
            for path, partner in ((adapter, {"base": unet}), (unet, {"adapter": adapter})):
                self.assert_misfit(path, f"cross_attention_dim {needed}", f"cross_attention_dim {given}", **partner)
            self.assert_misfit(adapter, such_as=fits, base=unet)
        self.assert_fits(sd15, base=self.file("unet/sd1.diffusers"))
        self.assert_fits(self.file("unet/sdxl.diffusers"), adapter=sdxl)

    def test_the_number_of_attentions(self):
        adapter = self.file("base-sdxl")
        for name, count in (("unet/ssd-1b.diffusers", 34), ("unet/vega.diffusers", 15)):
            unet = self.file(name)
            self.assert_misfit(adapter, "70 cross-attentions", f"with {count}", such_as="unet/sdxl", base=unet)
            self.assert_misfit(unet, "70 cross-attentions", adapter=adapter)

    def test_an_adapter_of_a_pruned_unet_is_no_sdxl_adapter(self):
        pruned = {name: value for name, value in listed(ADAPTERS["base-sdxl"]).items() if not name.startswith("ip_adapter.")}
        widths = [640] * 4 + [1280] * 8 + [1280] * 18 + [640] * 4  # of SSD-1B: down, up
        for i, width in enumerate(widths):
            for kind in ("k", "v"):
                pruned[f"ip_adapter.{2 * i + 1}.to_{kind}_ip.weight"] = "F16", [width, 2048]
        adapter = self.file("pruned", pruned)
        self.assert_fits(adapter, base=self.file("unet/ssd-1b.diffusers"))
        self.assert_misfit(adapter, "34 cross-attentions", "with 70", such_as="unet/ssd-1b", base=self.file("unet/sdxl.diffusers"))

    def test_what_fits_is_said_with_the_number_of_tokens(self):
        for name, unet, tokens in (("base-sd15", "unet/sd1.ldm", "4 image tokens of width 768 for 16"),
                                   ("plus-sdxl-vit-h", "unet/sdxl.ldm", "16 image tokens of width 2048 for 70"),
                                   ("full-sd15", "unet/sd1.ldm", "one image token for each hidden state of width 768 for 16")):
            answer = self.assert_fits(self.file(name), base=self.file(unet))
            self.assertIn(tokens, next(f["message"] for f in answer["findings"] if f["id"] == "TN-PAIR-FITS"))

    def test_an_id_encoder_wants_sdxl(self):
        encoder = self.file("photomaker/v1.official")
        self.assert_misfit(encoder, "photomaker/v1", "2048", "unet/sd1", "768", such_as="unet/sdxl", base=self.file("unet/sd1.ldm"))
        self.assert_fits(encoder, base=self.file("unet/sdxl.ldm"))


class Encoders(Files):
    CLIPS = {"vit-l-14": "clip/vit-l-14.transformers", "vit-h-14": "clip/vit-h-14.transformers", "vit-bigg-14": "clip/vit-bigg-14.transformers"}

    def test_pooled_embeddings_or_hidden_states_by_the_kind_of_projector(self):
        widths = {"vit-l-14": (768, 1024), "vit-h-14": (1024, 1280), "vit-bigg-14": (1280, 1664)}
        for name, key, fits in (("base-sd15", 0, "vit-h-14"), ("base-sd15-vit-g", 0, "vit-bigg-14"), ("base-sdxl", 0, "vit-bigg-14"),
                                ("base-sdxl-vit-h", 0, "vit-h-14"), ("plus-sd15", 1, "vit-h-14"), ("plus-sdxl-vit-h", 1, "vit-h-14"),
                                ("full-sd15", 1, "vit-h-14"), ("faceid-plus-sd15", 1, "vit-h-14")):
            adapter = self.file(name)
            for clip, path in self.CLIPS.items():
                with self.subTest(adapter=name, clip=clip):
                    if clip == fits:
                        self.assertEqual(self.check(adapter, "--with", f"image_encoder={self.file(path)}")[0], 0)
                        continue
                    what = ("pooled image embeddings", "hidden states")[key]
                    self.assert_misfit(adapter, what, f"embeddings_dim {widths[fits][key]}", f"clip/{clip} with",
                                       str(widths[clip][key]), such_as=f"clip/{fits}", image_encoder=self.file(path))

    def test_a_projector_of_faces_reads_no_image_encoder(self):
        for name in ("faceid-sd15", "faceid-portrait-sd15", "faceid-portrait-sdxl-unnorm"):
            self.assert_fits(self.file(name), image_encoder=self.file(self.CLIPS["vit-h-14"]))

    def test_partners_are_held_against_each_other_whichever_file_is_checked(self):
        unet, adapter = self.file("unet/sdxl.diffusers"), self.file("plus-sdxl-vit-h")
        right, wrong = self.file(self.CLIPS["vit-h-14"]), self.file(self.CLIPS["vit-bigg-14"])
        self.assert_fits(unet, adapter=adapter, image_encoder=right)
        self.assert_misfit(unet, "embeddings_dim 1280", "1664", such_as="clip/vit-h-14", adapter=adapter, image_encoder=wrong)
        self.assert_misfit(wrong, "embeddings_dim 1280", "1664", adapter=adapter, base=unet)

    def test_two_that_have_nothing_in_common_are_not_called_a_pair(self):
        faces, vit, adapter = self.file("faceid-portrait-sd15"), self.file("vit/vit_tiny_patch16_224.timm"), self.file("base-sd15")
        for path, role, partner, identifier, words in (
                (faces, "image_encoder", self.file(self.CLIPS["vit-h-14"]), "TN-PAIR-UNKNOWN",
                 "this file is ip_adapter/faceid-portrait; --with image_encoder="),
                (vit, "adapter", adapter, "TN-PAIR-MODULES", "changes nothing of this vit/vit_tiny_patch16_224: the 16 modules")):
            answer = self.assert_fits(path, **{role: partner})
            warning = next(f for f in answer["findings"] if f["id"] == identifier)
            self.assertEqual(warning["severity"], "warning")
            self.assertIn(words, warning["message"])
        for adapter, partner in (("base-sd15", {"base": "unet/sd1.ldm"}), ("base-sd15", {"image_encoder": self.CLIPS["vit-h-14"]}),
                                 ("photomaker/v1.official", {"base": "unet/sdxl.ldm"})):
            answer = self.assert_fits(self.file(adapter), **{role: self.file(name) for role, name in partner.items()})
            self.assertNotIn("TN-PAIR-UNKNOWN", {f["id"] for f in answer["findings"]})

    def test_an_adapter_given_as_image_encoder(self):
        adapter = self.file("base-sd15")
        self.assert_misfit(adapter, "ip_adapter/plus", "encodes no images", such_as="clip/vit-h-14", image_encoder=self.file("plus-sd15"))
        self.assert_misfit(adapter, "ip_adapter/plus and no base", such_as="unet/sd1", base=self.file("plus-sd15"))
        self.assert_misfit(self.file("unet/sd1.ldm"), "clip/vit-h-14 and no adapter", adapter=self.file(self.CLIPS["vit-h-14"]))
        code, answer = self.check(adapter, "--as", "clip")
        self.assertEqual((code, answer["diagnosis"][0]["id"]), (1, "TN-D-FAMILY"))
        for word in ("ip_adapter/base", "clip"):
            self.assertIn(word, answer["diagnosis"][0]["cause"])


class Names(Files):
    """The identity is in the bytes: other names, kinds and damage."""

    KINDS = {"base-sd15": "base", "plus-sd15": "plus", "full-sd15": "full", "faceid-sd15": "faceid", "faceid-plus-sd15": "faceid-plus",
             "faceid-portrait-sd15": "faceid-portrait", "faceid-portrait-sdxl-unnorm": "faceid-portrait-unnorm"}

    def test_a_kind_given_as_another_is_refused_and_both_are_named(self):
        kinds = sorted(set(self.KINDS.values()))
        for name, kind in self.KINDS.items():
            path = self.folder / "ip-adapter-something-else.bin"
            shutil.copyfile(self.file(name), path)
            at = kinds.index(kind)
            for asked in (kind, kinds[at - 1], kinds[at - 3]):
                with self.subTest(file=name, asked=asked):
                    code, answer = self.check(str(path), "--as", f"ip_adapter/{asked}")
                    if asked == kind:
                        self.assertEqual((code, answer["diagnosis"]), (0, []))
                        continue
                    self.assertEqual((code, answer["diagnosis"][0]["id"]), (1, "TN-D-VARIANT"))
                    for word in (f"ip_adapter/{kind} ", f"ip_adapter/{asked}"):
                        self.assertIn(word, answer["diagnosis"][0]["cause"])

    def test_the_two_face_id_plus_cannot_be_told_apart(self):
        path = self.file("faceid-plus-sd15")
        code, answer = self.check(path)
        self.assertEqual((code, answer["loadable"]), (0, False))
        _, answer = document("inspect", path)
        open_value = answer["parts"][0]["undecidable"][0]
        self.assertEqual((open_value["what"], open_value["choices"]), ("variant", ["faceid-plus", "faceid-plusv2"]))
        code, answer = document("load", path)
        self.assertEqual((code, answer["diagnosis"][0]["id"]), (1, "TN-D-UNDECIDABLE"))
        for variant in ("faceid-plus", "faceid-plusv2"):
            code, answer = document("load", path, "--as", f"ip_adapter/{variant}")
            self.assertEqual((code, answer["identity"]["variant"]), (0, variant))

    def test_a_projector_tensor_that_is_missing_or_renamed_is_named(self):
        for name in self.KINDS:
            tensors = listed(ADAPTERS[name])
            spoilable = [tensor for tensor in sorted(tensors)
                         if tensor.startswith("image_proj.") and (".layers." not in tensor or ".layers.0." in tensor)]
            for number, spoiled in enumerate(spoilable):
                wrong = {tensor: value for tensor, value in tensors.items() if tensor != spoiled}
                if number % 2:
                    wrong[spoiled + "_"] = tensors[spoiled]
                with self.subTest(file=name, spoiled=spoiled, renamed=number % 2):
                    path = self.folder / "spoiled.safetensors"
                    support.write_safetensors(path, wrong)
                    code, answer = self.check(str(path))
                    self.assertEqual(code, 1, answer["error"])
                    self.assertIn(spoiled, [f["target"] for f in answer["findings"] if f["kind"] == "missing"])

    def test_a_truncated_file_is_damaged_before_it_is_anything(self):
        path = self.folder / "cut.safetensors"
        shutil.copyfile(self.file("base-sd15"), path)
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size - 1)
        code, answer = self.check(str(path), "--as", "ip_adapter/faceid")
        self.assertEqual(code, 2)
        self.assertTrue(answer["error"]["code"].startswith("ST-"), answer["error"])

    def test_an_adapter_numbered_down_middle_up_is_told_from_the_seams(self):
        for name, moved in (("base-sd15", {13: 31} | {n: n - 2 for n in range(15, 32, 2)}),
                            ("base-sdxl", {n: n + 72 for n in range(49, 68, 2)} | {n: n - 20 for n in range(69, 140, 2)})):
            right = listed(ADAPTERS[name])
            wrong = {}
            for tensor, value in right.items():
                first, _, rest = tensor.partition(".")
                number, _, kind = rest.partition(".")
                source = f"{first}.{moved.get(int(number), int(number))}.{kind}" if first == "ip_adapter" else tensor
                wrong[tensor] = right[source]
            for policy in ("strict", "lenient"):
                code, answer = self.check(self.file(f"wrong-{name}", wrong), "--policy", policy)
                self.assertEqual((code, answer["diagnosis"][0]["id"]), (1, "TN-D-ORDER"))
                self.assertIn("down, up, middle", answer["diagnosis"][0]["cause"])
                self.assertIn("TN-ORDER", {finding["id"] for finding in answer["findings"]})
            self.assertEqual(self.check(self.file(name))[0], 0)

    def test_an_adapter_whose_tail_is_gone_misses_it(self):
        tensors = {name: value for name, value in listed(ADAPTERS["base-sdxl"]).items()
                   if not name.startswith("ip_adapter.") or int(name.split(".")[1]) < 121}
        code, answer = self.check(self.file("tail", tensors))
        self.assertEqual((code, answer["counts"]["missing"]), (1, 20))
        self.assertEqual(answer["identity"]["config"]["base_model"], "sdxl")


if __name__ == "__main__":
    support.main()
