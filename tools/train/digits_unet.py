#!/usr/bin/env python3
"""Trains a small class-conditional diffusion UNet on scikit-learn's digits with diffusers.

    python tools/train/digits_unet.py [--out tests/data/digits_unet]

Needs the packages of tests/requirements-reference.txt; about five minutes on one CPU core. Everything is
seeded. The UNet predicts the noise; the class comes by cross-attention on two learned vectors. Written
under --out, weights in float16:

    diffusers/     diffusion_pytorch_model.safetensors and config.json, by save_pretrained
    ldm/           digits.safetensors, a single-file bundle (model.diffusion_model.* and the schedule's
                   buffers), and digits.yaml
    classes.safetensors    encoder_hidden_states [10,2,16]: the learned vectors of the classes 0 to 9
    noise.safetensors      sample [20,1,8,8]: where sampling starts; image i is of class i mod 10
    sampled.safetensors    sample [20,1,8,8]: where DDIM ends, as README.md there spells it out
    step.safetensors       inputs of `tenon run` for one step; expected.safetensors its output

Fails unless digits_vit.py's model recognises most of the sampled digits as what they should be.
"""
import argparse
import copy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests" / "golden" / "unet")]
import ldm
from digits_vit import MEAN, STD, digits, new_model

import safetensors.torch
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

EPOCHS, BATCH, LEARNING_RATE, EMA = 45, 64, 2e-3, 0.99
TRAIN_STEPS, SAMPLE_STEPS = 1000, 25
BETAS = (0.00085, 0.012)  # square roots are spaced evenly between those of these
SIZE_LIMIT = 4_000_000  # bytes, each file
REQUIRED_ACCURACY = 0.9
SCORED = 200  # sampled digits that the classifier looks at


def new_unet():
    return UNet2DConditionModel(
        sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16, attention_head_dim=4)


def scheduler():
    made = DDIMScheduler(
        num_train_timesteps=TRAIN_STEPS, beta_start=BETAS[0], beta_end=BETAS[1],
        beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=True)
    made.set_timesteps(SAMPLE_STEPS)
    return made


def to_signed(images):
    """digits_vit's normalised pixels to [-1, 1]."""
    return (images * STD + MEAN) * 2 - 1


class Conditioned(torch.nn.Module):
    """The UNet and the vectors of its ten classes."""

    def __init__(self):
        super().__init__()
        self.unet = new_unet()
        self.classes = torch.nn.Parameter(torch.randn(10, 2, 16))

    def forward(self, noisy, timestep, labels):
        return self.unet(noisy, timestep, encoder_hidden_states=self.classes[labels]).sample


def train(images, labels):
    """Returns the running mean of the weights over the training."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = Conditioned()
    mean = copy.deepcopy(model).requires_grad_(False)
    schedule = scheduler()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01, fused=True)
    steps = EPOCHS * -(-len(labels) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps,
                                               pct_start=0.05)
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH):
            clean = to_signed(images[batch])
            noise = torch.randn(clean.shape, generator=generator)
            timestep = torch.randint(0, TRAIN_STEPS, (len(batch),), generator=generator)
            guess = model(schedule.add_noise(clean, noise, timestep), timestep, labels[batch])
            loss = torch.nn.functional.mse_loss(guess, noise)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
            optimizer.step()
            rate.step()
            total += loss.item() * len(batch)
            with torch.no_grad():
                torch._foreach_lerp_(list(mean.parameters()), list(model.parameters()), 1 - EMA)
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: loss {total / len(labels):.4f}", flush=True)
    return mean.eval()


@torch.no_grad()
def sample(unet, context, noise):
    """DDIM without added noise, written out; the same as diffusers' DDIMScheduler."""
    schedule = scheduler()
    kept = schedule.alphas_cumprod
    x = noise
    for timestep in schedule.timesteps:
        before = timestep - TRAIN_STEPS // SAMPLE_STEPS
        now, then = kept[timestep], kept[before] if before >= 0 else torch.tensor(1.0)
        guess = unet(x, timestep, encoder_hidden_states=context).sample
        stepped = schedule.step(guess, timestep, x).prev_sample
        clean = (x - (1 - now).sqrt() * guess) / now.sqrt()
        x = then.sqrt() * clean + (1 - then).sqrt() * guess
        assert (x - stepped).abs().max() < 1e-4, timestep
    return x


def classified(images, folder):
    """What the digits ViT sees in images of [-1, 1]."""
    vit = new_model().eval()
    vit.load_state_dict(safetensors.torch.load_file(folder / "timm" / "model.safetensors"))
    with torch.no_grad():
        return vit(((images.clamp(-1, 1) + 1) / 2 - MEAN) / STD).argmax(1)


def schedule_buffers():
    """The buffers that the original code keeps beside its UNet."""
    betas = torch.linspace(BETAS[0] ** 0.5, BETAS[1] ** 0.5, TRAIN_STEPS, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)
    before = torch.cat([torch.ones(1, dtype=torch.float64), kept[:-1]])
    variance = betas * (1 - before) / (1 - kept)
    buffers = {
        "betas": betas,
        "alphas_cumprod": kept,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": kept.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - kept).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - kept).log(),
        "sqrt_recip_alphas_cumprod": (1 / kept).sqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / kept - 1).sqrt(),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": betas * before.sqrt() / (1 - kept),
        "posterior_mean_coef2": (1 - before) * (1 - betas).sqrt() / (1 - kept),
    }
    return {name: value.float() for name, value in buffers.items()}


def write_ldm(unet, folder):
    folder.mkdir(parents=True, exist_ok=True)
    state = unet.state_dict()
    config = dict(unet.config) | {"_class_name": "UNet2DConditionModel"}
    names = ldm.to_ldm(list(state), unet.config.layers_per_block)
    bundle = {ldm.PREFIX + names[name]: tensor for name, tensor in state.items()}
    read = convert_ldm_unet_checkpoint(dict(bundle), config)
    assert set(read) == set(state) and all(torch.equal(read[k], state[k]) for k in state)
    safetensors.torch.save_file(bundle | schedule_buffers(), folder / "digits.safetensors")
    (folder / "digits.yaml").write_text(ldm.yaml_of(config, {"num_heads": 4}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tests/data/digits_unet"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    (images, labels), _ = digits()
    model = train(images, labels)
    half = copy.deepcopy(model.unet).half()
    half.save_pretrained(out / "diffusers")
    write_ldm(half, out / "ldm")
    unet = UNet2DConditionModel.from_pretrained(out / "diffusers", torch_dtype=torch.float32).eval()

    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(SCORED, 1, 8, 8, generator=generator)
    wanted = torch.arange(SCORED) % 10
    context = model.classes[wanted].contiguous()
    made = sample(unet, context, noise)
    accuracy = (classified(made, out.parent / "digits") == wanted).double().mean().item()
    parameters = sum(p.numel() for p in unet.parameters())
    print(f"{accuracy:.3f} of {SCORED} sampled digits are recognised; {parameters} parameters")
    assert accuracy >= REQUIRED_ACCURACY
    for path in out.glob("*/*"):
        assert path.stat().st_size <= SIZE_LIMIT, path

    def save(name, **tensors):
        safetensors.torch.save_file({k: v.contiguous() for k, v in tensors.items()}, out / name)
    save("classes.safetensors", encoder_hidden_states=model.classes.detach())
    save("noise.safetensors", sample=noise[:20])
    save("sampled.safetensors", sample=made[:20])
    step = {"sample": noise[:4], "timestep": torch.tensor([960, 480, 40, 0]),
            "encoder_hidden_states": context[:4]}
    save("step.safetensors", **step)
    with torch.no_grad():
        save("expected.safetensors", sample=unet(**step).sample)


if __name__ == "__main__":
    main()
