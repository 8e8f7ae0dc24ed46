"""PhotoMaker files: the version from the contents, what is refused and what is lost, every layout, hashes."""
import hashlib

import _support as support
import _torch_values as torch_file
from _server import document, tenon
from _support import SOURCE, read_safetensors

GOLDENS = SOURCE / "tests" / "golden" / "photomaker"
OFFICIAL = GOLDENS / "v1_official" / "checkpoint.bin"
SDCPP = GOLDENS / "v1_sdcpp" / "checkpoint.safetensors"
V2 = GOLDENS / "v2_flat" / "checkpoint.safetensors"


def flat_tensors():
    """The official golden's tensors, under both levels."""
    return torch_file.flat(torch_file.read(OFFICIAL))


def bare(tensors):
    return {name.removeprefix("id_encoder."): value for name, value in tensors.items() if name.startswith("id_encoder.")}


def sdcpp(tensors):
    renamed = {}
    for name, value in tensors.items():
        name = name.removeprefix("id_encoder.").removeprefix("lora_weights.")
        name = name.replace("vision_model.pre_layrnorm.", "vision_model.pre_layernorm.")
        renamed["vision_model." + name if name == "visual_projection.weight" else name] = value
    return renamed


class PhotoMaker(support.TestCase):
    def id_encoder(self, path, *options):
        code, answer = document("inspect", str(path), *options)
        self.assertEqual(code, 0, answer)
        return next(part for part in answer["parts"] if part["family"] == "photomaker"), answer

    def refusal(self, *args):
        code, answer = document(*args)
        self.assertEqual(code, 1, answer)
        return answer["diagnosis"][0], answer


class Identity(PhotoMaker):
    def test_each_layout_and_version_is_told_from_the_contents(self):
        tensors = flat_tensors()
        files = {
            ("v1", "official"): str(OFFICIAL),
            ("v1", "flat"): self.write(tensors, "photomaker-v2.safetensors"),  # a name decides nothing
            ("v1", "bare"): self.write(bare(tensors), "bare.safetensors"),
            ("v1", "sdcpp"): str(SDCPP),
            ("v2", "flat"): str(V2),
        }
        for (variant, layout), path in files.items():
            with self.subTest(variant=variant, layout=layout):
                part, _ = self.id_encoder(path)
                self.assertEqual((part["variant"], part["layout"]), (variant, layout))
                evidence = [entry["text"] for entry in part["evidence"] if entry["for"] == f"photomaker/{variant}"]
                self.assertTrue(any("qformer_perceiver" in text for text in evidence), part["evidence"])
                other = {"v1": "photomaker/v2", "v2": "photomaker/v1"}[variant]
                self.assertIn(other, [entry["candidate"] for entry in part["refused"]])

    def test_the_lora_is_a_part_of_its_own_listed_and_counted(self):
        for path in (OFFICIAL, SDCPP, V2):
            _, answer = self.id_encoder(path)
            lora = next(part for part in answer["parts"] if part["part"] == "lora_weights")
            self.assertEqual((lora["family"], lora["tensors"], lora["buildable"]), ("lora", 32, False))
        listed = document("ls", str(OFFICIAL))[1]["tensors"]
        self.assertEqual(sum("_lora." in tensor["name"] for tensor in listed), 32)

    def test_a_nested_file_of_two_dtypes_on_a_device_is_read_on_this_one(self):
        self.assertIn(b"cuda:0", OFFICIAL.read_bytes())
        code, answer = document("load", str(OFFICIAL))
        self.assertEqual(code, 0, answer)
        self.assertEqual({tensor["dtype"] for tensor in answer["tensors"]}, {"BF16", "F32"})
        self.assertEqual(answer["audit"]["without_origin"], 0)


class Versions(PhotoMaker):
    def test_the_other_version_is_refused_in_one_line_that_names_both(self):
        for path, is_version, asked in ((str(OFFICIAL), "v1", "v2"), (str(V2), "v2", "v1")):
            for verb in ("check", "load"):
                cause, _ = self.refusal(verb, path, "--as", f"photomaker/{asked}")
                self.assertEqual(cause["id"], "TN-D-VARIANT")
                for word in (f"photomaker/{is_version}", f"photomaker/{asked}", "qformer_perceiver"):
                    self.assertIn(word, cause["cause"])
                self.assertLessEqual(len(cause["cause"].encode()), 512)
                command = cause["remedy"].split()
                self.assertEqual(command[:2], ["tenon", "check"])
                self.assertEqual(tenon(*command[1:]).returncode, 0, cause["remedy"])

    def test_lenient_takes_a_v2_file_as_v1_and_says_what_is_lost(self):
        code, answer = document("load", str(V2), "--as", "photomaker/v1", "--policy", "lenient")
        self.assertEqual((code, answer["verdict"]), (0, "accepted-with-waivers"), answer["diagnosis"])
        self.assertEqual(answer["identity"]["variant"], "v1")
        lost = {finding["source"] for finding in answer["findings"] if finding["kind"] == "unexpected"}
        held = {name for name in read_safetensors(V2) if ".qformer_perceiver." in name}
        self.assertEqual(lost, held)
        self.assertTrue(any(finding["id"] == "TN-VARIANT" and finding["severity"] == "warning" for finding in answer["findings"]))
        loaded = {tensor["from"][0] for tensor in answer["tensors"]}
        self.assertEqual(loaded, {name for name in read_safetensors(V2) if name.startswith("id_encoder.")} - held)

    def test_lenient_cannot_make_a_v2_of_a_v1_file(self):
        cause, _ = self.refusal("load", str(OFFICIAL), "--as", "photomaker/v2", "--policy", "lenient")
        self.assertEqual(cause["id"], "TN-D-VARIANT")

    def test_a_v1_cut_from_a_v2_is_a_v1(self):
        cut = {name: value for name, value in read_safetensors(V2).items() if ".qformer_perceiver." not in name}
        path = self.write(cut)
        self.assertEqual(self.id_encoder(path)[0]["variant"], "v1")
        self.assertEqual(tenon("load", path).returncode, 0)

    def test_a_v2_that_lost_half_of_its_perceiver_is_a_v2_with_missing_tensors(self):
        torn = {name: value for name, value in read_safetensors(V2).items() if ".perceiver_resampler." not in name}
        path = self.write(torn)
        self.assertEqual(self.id_encoder(path)[0]["variant"], "v2")
        for policy in ("strict", "lenient"):
            cause, answer = self.refusal("check", path, "--policy", policy)
            self.assertIn("needs", cause["cause"])
            missing = {finding["target"] for finding in answer["findings"] if finding["kind"] == "missing"}
            self.assertTrue(any("qformer_perceiver.perceiver_resampler" in name for name in missing), missing)
        self.assertEqual(tenon("check", str(V2)).returncode, 0)


class Damage(PhotoMaker):
    def test_any_tensor_that_is_renamed_or_missing_is_named(self):
        tensors = read_safetensors(V2)
        for number, name in enumerate(sorted(bare(tensors))):
            full = "id_encoder." + name
            spoiled = {key: value for key, value in tensors.items() if key != full}
            if number % 2:
                spoiled[full.replace(".", "._", 1)] = tensors[full]
            with self.subTest(name=name, renamed=number % 2):
                code, answer = document("check", self.write(spoiled))
                self.assertEqual(code, 1, answer["error"])
                self.assertIn(name, [f["target"] for f in answer["findings"] if f["kind"] == "missing"])

    def test_a_truncated_file_is_refused_as_damaged(self):
        for source in (OFFICIAL, V2):
            path = self.folder / "cut"
            path.write_bytes(source.read_bytes()[:-1000])
            for verb in ("check", "load"):
                code, answer = document(verb, str(path))
                self.assertEqual(code, 2)
                self.assertTrue(answer["error"]["code"].startswith(("ZP-", "ST-")), answer["error"])

    def test_a_file_of_the_lora_alone_is_no_encoder(self):
        lora = {name: value for name, value in flat_tensors().items() if name.startswith("lora_weights.")}
        cause, _ = self.refusal("check", self.write(lora), "--as", "photomaker")
        self.assertIn("lora", cause["cause"])
        self.assertIn("photomaker", cause["cause"])


class Hashes(PhotoMaker):
    def setUp(self):
        super().setUp()
        self.sha256 = hashlib.sha256(OFFICIAL.read_bytes()).hexdigest()
        self.wrong = "0" * 64

    def test_a_hash_that_differs_is_an_integrity_failure_before_anything_is_bound(self):
        for verb in ("check", "load"):
            self.assertEqual(tenon(verb, str(OFFICIAL), "--sha256", self.sha256).returncode, 0)
            code, answer = document(verb, str(OFFICIAL), "--sha256", self.wrong)
            self.assertEqual((code, answer["error"]["code"]), (5, "TN-SHA256"))
            self.assertIn(self.sha256, answer["error"]["message"])
            self.assertNotIn("tensors", answer)
        self.assertEqual(tenon("load", str(OFFICIAL), "--sha256", "12").returncode, 4)

    def test_a_policy_may_expect_family_version_and_hash(self):
        def policy(variant, sha256):
            path = self.folder / "policy.yaml"
            path.write_text("tenon_policy: 1\nbase: strict\n"
                            f"expect: {{family: photomaker, variant: {variant}, sha256: {{checkpoint.bin: {sha256}}}}}\n")
            return str(path)
        self.assertEqual(tenon("load", str(OFFICIAL), "--policy", policy("v1", self.sha256)).returncode, 0)
        self.assertEqual(tenon("load", str(OFFICIAL), "--policy", policy("v1", self.wrong)).returncode, 5)
        cause, _ = self.refusal("load", str(OFFICIAL), "--policy", policy("v2", self.sha256))
        self.assertEqual(cause["id"], "TN-D-EXPECT")


class Convert(PhotoMaker):
    def setUp(self):
        super().setUp()
        self.tensors = flat_tensors()

    def convert(self, source, layout, name):
        out = str(self.folder / name)
        done = tenon("convert", source, "--to", layout, "-o", out)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return out, done.stdout.decode()

    def test_every_layout_is_written_bit_for_bit_from_every_other(self):
        sources = {"official": str(OFFICIAL), "flat": self.write(self.tensors, "flat.safetensors"),
                   "sdcpp": self.write(sdcpp(self.tensors), "sdcpp.safetensors")}
        targets = {"flat": self.tensors, "bare": bare(self.tensors), "sdcpp": sdcpp(self.tensors)}
        for origin, source in sources.items():
            for layout, expected in targets.items():
                with self.subTest(origin=origin, layout=layout):
                    self.assertEqual(read_safetensors(self.convert(source, layout, "out.safetensors")[0]), expected)
            with self.subTest(origin=origin, layout="official"):
                written = torch_file.read(self.convert(source, "official", "out.bin")[0])
                self.assertEqual(list(written), ["id_encoder", "lora_weights"])  # the reference wants just these, in this order
                self.assertEqual(torch_file.flat(written), self.tensors)

    def test_an_encoder_without_its_lora_is_written_alone(self):
        source = self.write(bare(self.tensors), "bare.safetensors")
        written = torch_file.read(self.convert(source, "official", "out.bin")[0])
        self.assertEqual(list(written), ["id_encoder"])
        self.assertEqual(written["id_encoder"], bare(self.tensors))

    def test_the_lora_is_never_left_out_in_silence(self):
        _, report = self.convert(str(OFFICIAL), "bare", "out.safetensors")
        self.assertIn("TN-CONVERT-PART", report)
        self.assertIn("lora_weights (32 tensors) is not written", report)
        _, report = self.convert(str(OFFICIAL), "flat", "out.safetensors")
        self.assertNotIn("TN-CONVERT-PART", report)

    def test_the_written_file_is_the_layout_that_it_was_to_be(self):
        for layout, name in (("official", "out.bin"), ("flat", "flat.safetensors"), ("bare", "bare.safetensors"), ("sdcpp", "sd.safetensors")):
            out, _ = self.convert(str(OFFICIAL), layout, name)
            self.assertEqual(self.id_encoder(out)[0]["layout"], layout)
            self.assertEqual(tenon("diff", out, str(OFFICIAL), "--values").returncode, 0)

    def test_a_dtype_is_that_of_the_lora_too(self):
        out = str(self.folder / "out.safetensors")
        self.assertEqual(tenon("convert", str(OFFICIAL), "--to", "flat", "-o", out, "--dtype", "fp16").returncode, 0)
        written = read_safetensors(out)
        self.assertEqual({dtype for dtype, _, _ in written.values()}, {"F16"})
        self.assertEqual(set(written), set(self.tensors))


if __name__ == "__main__":
    support.main()
