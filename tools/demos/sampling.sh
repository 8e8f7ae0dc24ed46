# Draws digits with one small diffusion UNet from two files: diffusers' folder, and a single-file bundle with the original names.
source tools/demos/support.sh

sample_digits=$(dirname "$TENON")/sample-digits
[ -x "$sample_digits" ] || tools/build release tenon_sample
data=tests/data/digits_unet

say "Two files of one UNet that was trained on digits, in two naming conventions:"
show 0 tenon inspect "$data/diffusers"
show 0 tenon inspect "$data/ldm/digits.safetensors"
show 0 tenon diff "$data/diffusers" "$data/ldm/digits.safetensors" --values

say "A program of a few lines loads each and draws the digits 0 to 9 twice (tools/sample; 25 steps of DDIM from the same noise):"
for file in diffusers ldm/digits.safetensors; do
  picture=$work/${file%%/*}.png
  show 0 "$sample_digits" "$data/$file" "$data/classes.safetensors" "$data/noise.safetensors" "$picture"
done

say "Both files give the same picture:"
show 0 cmp "$work/diffusers.png" "$work/ldm.png"
echo "yes, byte for byte"
