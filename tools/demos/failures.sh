# The five failures that tenon was started for: what other libraries say, what tenon says, and how it ends.
# The files are made here (failures.py): real names and shapes, zeros for weights. What the others say was recorded by
# failures_reference.py with the pinned libraries; the first lines of each recording say with which call and versions.
source tools/demos/support.sh

others_say() {
  printf '\n'
  sed 's/^/    | /' "tools/demos/failures/$1.txt"
}

tools/demos/failures.py "$work"

say "1. A PhotoMaker of version 2 is given to the encoder of version 1."
others_say photomaker
show 1 tenon check "$work/photomaker-v2.bin::id_encoder" --as photomaker/v1
show 0 tenon load "$work/photomaker-v2.bin::id_encoder" --as photomaker/v2

say "2. An InternViT in the names of its own code, which timm does not know."
others_say internvit
show 0 tenon inspect "$work/internvit.safetensors"
show 0 tenon load "$work/internvit.safetensors"

say "3. Stable Video Diffusion is opened as the UNet of Stable Diffusion 1.5."
others_say svd
show 1 tenon check "$work/svd_xt.safetensors" --as unet/sd1
show 0 tenon load "$work/svd_xt.safetensors" --as unet/svd

say "4. A CLIP in the names of transformers is given to open_clip; and a SigLIP is taken for a CLIP."
others_say clip
show 0 tenon load "$work/clip.safetensors" --set quick_gelu=true
others_say siglip
show 1 tenon check "$work/siglip.safetensors" --as clip

say "5. An IP-Adapter as its training left it: beside a whole UNet, under names that no pipeline takes."
others_say ip_adapter
show 0 tenon convert "$work/ip-adapter-run.safetensors" --to published -o "$work/ip-adapter.safetensors"
show 0 tenon load "$work/ip-adapter.safetensors"
