# Zero-shot classification: a small CLIP (tests/data/digits_clip) reads digits that it was never given labels for, by captions.
source tools/demos/support.sh

clip=tests/data/digits_clip

clip-tokens() {
  "$(dirname "$TENON")/../libexec/tenon/clip-tokens" "$@"
}

say "1. One CLIP in two namings, open_clip's and transformers'. Is it one? Fused and transposed tensors are compared by value."
show 0 tenon check $clip/open_clip
show 0 tenon check $clip/transformers
show 0 tenon diff $clip/open_clip $clip/transformers --values

say "2. Ten captions become ids of the model's vocabulary."
show 0 cat $clip/captions.txt
show 0 clip-tokens $clip/merges.txt --context 32 -o "$work/ids.safetensors" < $clip/captions.txt
tools/demos/captions.py join tests/data/digits/heldout.safetensors "$work/ids.safetensors" "$work/inputs.safetensors"

say "3. Which caption fits which of 360 held-out pictures?"
for form in open_clip transformers; do
  show 0 tenon run $clip/$form --inputs "$work/inputs.safetensors" --outputs "$work/$form.safetensors"
done

say "4. Five pictures, ten captions, and how sure the model is of each in percent."
tools/demos/captions.py read $clip/captions.txt "$work/inputs.safetensors" tests/data/digits/labels.safetensors \
  "$work/open_clip.safetensors" "$work/transformers.safetensors"
