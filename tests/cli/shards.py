"""Sharded checkpoints: what index and shards do not agree on is said by every verb, before anything else."""
import hashlib
import json

import _support as support
from _server import document, tenon
from _support import DIGITS

INDEX = "model.safetensors.index.json"
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


class Shards(support.TestCase):
    def setUp(self):
        super().setUp()
        self.tensors = support.read_safetensors(DIGITS / "timm" / "model.safetensors")
        names = sorted(self.tensors)
        self.halves = [names[::2], names[1::2]]
        for shard, half in zip(SHARDS, self.halves):
            self.write(shard, half)
        self.write_index(sum(len(content) for _, _, content in self.tensors.values()))
        (self.folder / "config.json").write_bytes((DIGITS / "timm" / "config.json").read_bytes())

    def write(self, shard, names):
        support.write_safetensors(self.folder / shard, {name: self.tensors[name] for name in names})

    def write_index(self, total, **more):
        weights = {name: shard for shard, half in zip(SHARDS, self.halves) for name in half}
        (self.folder / INDEX).write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": {**weights, **more}}))

    def container_findings(self, verb="check"):
        code, answer = document(verb, str(self.folder))
        self.assertEqual(code, 0, answer["error"])
        found = [f for f in answer["findings"] if f["kind"] == "container"]
        self.assertLessEqual({f["id"] for f in found}, {"TN-CONTAINER"})
        return [(f["message"].rsplit("[", 1)[1].rstrip("]"), f["severity"]) for f in found]

    def test_a_sound_index_loads_as_one_model(self):
        code, answer = document("load", str(self.folder))
        self.assertEqual((code, answer["verdict"], answer["findings"]), (0, "accepted", []))
        self.assertEqual(answer["counts"]["matched"], len(self.tensors))
        self.assertEqual(self.container_findings("inspect"), [])

    def test_a_policy_with_hashes_must_have_one_of_every_shard(self):
        def check(*shards):
            hashes = {shard: hashlib.sha256((self.folder / shard).read_bytes()).hexdigest() for shard in shards}
            policy = self.folder / "gate.json"
            policy.write_text(json.dumps({"tenon_policy": 1, "expect": {"sha256": hashes}}))
            return [tenon(verb, str(self.folder), "--policy", str(policy)) for verb in ("check", "load")]

        for done in check(*SHARDS):
            self.assertEqual(done.returncode, 0, done.stderr)
        for done in check(SHARDS[0]):
            self.assert_one_line(done, 5, SHARDS[1], "none", "TN-SHA256")

    def test_a_missing_shard_is_named_before_anything_else(self):
        (self.folder / SHARDS[1]).unlink()
        for verb in ("inspect", "ls", "check", "load"):
            self.assert_one_line(tenon(verb, str(self.folder)), 2, "IX-MISSING-SHARD", SHARDS[1])

    def test_a_tensor_in_two_shards_is_named_before_anything_else(self):
        self.write(SHARDS[1], [*self.halves[1], self.halves[0][0]])
        for verb in ("inspect", "check"):
            self.assert_one_line(tenon(verb, str(self.folder)), 2, "IX-TWO-SHARDS", self.halves[0][0], *SHARDS)

    def test_a_path_that_leaves_the_folder_is_refused(self):
        for shard in ("../model.safetensors", "/model.safetensors", "https://host/model.safetensors"):
            self.write_index(0, **{"head.bias": shard})
            self.assertEqual(document("check", str(self.folder))[0], 2, shard)
            self.assertIn(document("check", str(self.folder))[1]["error"]["code"], ("IX-OUTSIDE", "IX-ABSOLUTE", "IX-FOREIGN"))

    def test_an_extra_shard_and_another_total_are_warnings_of_every_verb(self):
        self.write("model-00003-of-00002.safetensors", self.halves[0][:1])
        self.write_index(12)
        for verb in ("inspect", "check", "load"):
            self.assertCountEqual(self.container_findings(verb), [("IX-TOTAL-SIZE", "warning"), ("IX-EXTRA-SHARD", "warning")])
        for verb in ("inspect", "check"):
            text = tenon(verb, str(self.folder)).stdout.decode()
            self.assertIn("model-00003-of-00002.safetensors", text)
            self.assertIn("total_size is 12", text)


if __name__ == "__main__":
    support.main()
