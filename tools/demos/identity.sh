# Which version is this encoder, and does this adapter fit this UNet? On small generated checkpoints in the released names.
source tools/demos/support.sh

tools/demos/identity.py make "$work"

say "1. A PhotoMaker file was renamed. Which version is it? (Small copies of the released structures, with random weights.)"
mv "$work/photomaker-v2.safetensors" "$work/photomaker-v1-final.safetensors"
show 0 tenon inspect "$work/photomaker-v1-final.safetensors"

say "2. Loaded as what its name says it would run and be wrong. It is refused, in each direction."
show 1 tenon check "$work/photomaker-v1-final.safetensors" --as photomaker/v1
show 1 tenon check "$work/photomaker-v1.safetensors" --as photomaker/v2
say "   Whoever insists gets what is sound, and is told what is lost."
show 0 tenon check "$work/photomaker-v1-final.safetensors" --as photomaker/v1 --policy lenient

say "3. What a training script saved becomes a file as it is published, bit for bit."
show 0 tenon convert "$work/training.safetensors" --to published -o "$work/ip-adapter.bin"
show 0 tenon diff "$work/training.safetensors" "$work/ip-adapter.bin" --values

say "4. Does the adapter fit this UNet? And that one? Nothing is loaded to find out."
known=(--set attention_head_dim=2 --set norm_num_groups=4)  # what no weight shows
show 0 tenon check "$work/unet.safetensors" "${known[@]}" --with "adapter=$work/ip-adapter.bin"
show 1 tenon check "$work/other-unet.safetensors" "${known[@]}" --with "adapter=$work/ip-adapter.bin"

say "5. An image embedding becomes tokens, and the tokens change what the UNet answers."
show 0 tenon run "$work/ip-adapter.bin" --inputs "$work/embeds.safetensors" --outputs "$work/tokens.safetensors"
tools/demos/identity.py join "$work"
show 0 tenon run "$work/unet.safetensors" "${known[@]}" --inputs "$work/noise.safetensors" --outputs "$work/plain.safetensors"
show 0 tenon run "$work/unet.safetensors" "${known[@]}" --with "adapter=$work/ip-adapter.bin" --inputs "$work/inputs.safetensors" \
  --outputs "$work/adapted.safetensors"
show 0 tools/demos/identity.py compare "$work"
