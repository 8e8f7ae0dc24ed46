# The main story: what tenon is for, on a small ViT that reads handwritten digits (tests/data/digits).
source tools/demos/support.sh

digits=tests/data/digits

say "1. What are these files? Three checkpoints, three naming conventions, one model."
show 0 tenon inspect $digits/timm/model.safetensors
show 0 tenon inspect $digits/transformers
show 0 tenon inspect $digits/training/checkpoint.pt

say "2. Without its config.json a file cannot say everything. tenon does not guess: it says what is open, and how to settle it."
mkdir "$work/bare"
cp $digits/timm/model.safetensors "$work/bare/"
show 0 tenon inspect "$work/bare/model.safetensors"
show 1 tenon load "$work/bare/model.safetensors"
show 0 tenon load "$work/bare/model.safetensors" --set num_heads=4

say "3. A damaged copy: one tensor was renamed. Frameworks would load it and be wrong in silence."
tools/demos/digits.py rename $digits/timm "$work/renamed" blocks.1.norm2.bias blocks.1.norm_2.bias
show 1 tenon check "$work/renamed/model.safetensors"
show 1 tenon check "$work/renamed/model.safetensors" --policy lenient
say "   If you mean it, say so: a policy file with one rule. The waiver is in the report."
cat > "$work/policy.yaml" <<'YAML'
tenon_policy: 1
base: lenient
rules:
  - {on: missing, key: "blocks.1.norm2.bias", do: fill, with: zeros, level: warning}
YAML
show 0 cat "$work/policy.yaml"
show 0 tenon check "$work/renamed/model.safetensors" --policy "$work/policy.yaml"

say "4. Another copy: its head was cut to 7 classes, and 10 are asked for."
tools/demos/digits.py cut-head $digits/timm "$work/cut" 7
show 1 tenon check "$work/cut/model.safetensors" --set num_classes=10
show 0 tenon check "$work/cut/model.safetensors" --set num_classes=10 --policy lenient

say "5. Load it, then read 360 digits that the model has never seen, from each of the three files."
show 0 tenon load $digits/timm/model.safetensors
for form in timm/model.safetensors transformers training/checkpoint.pt; do
  show 0 tenon run $digits/$form --inputs $digits/heldout.safetensors --outputs "$work/${form%%/*}.safetensors"
done

say "6. What it read."
tools/demos/digits.py read $digits "$work/timm.safetensors" "$work/transformers.safetensors" "$work/training.safetensors"
