"""PhotoMaker's encoders and IP-Adapter's projectors, written from their formulas.

No pinned library has them in this form (diffusers has its own versions of some projectors, and the
scripts hold these against those). Names and shapes are those of the published checkpoints; widths are
free. `python tests/golden/id_modules.py` checks the numbers that the original modules gave for the
filling rule of `filled`.
"""
import math

import torch
import transformers
from torch import nn


def feed_forward(width):
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width, bias=False), nn.GELU(),
                         nn.Linear(4 * width, width, bias=False))


class PerceiverAttention(nn.Module):
    """Latents [B,n,D] look at features [B,m,D] and at themselves -> [B,n,D]."""

    def __init__(self, width, head_width, heads):
        super().__init__()
        inner = head_width * heads
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, features, latents):
        latents = self.norm2(latents)
        seen = torch.cat([self.norm1(features), latents], dim=1)
        query = self.to_q(latents)
        key, value = self.to_kv(seen).chunk(2, dim=-1)
        query, key, value = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                             for x in (query, key, value))
        scale = query.shape[-1] ** -0.25
        weight = (query * scale) @ (key * scale).transpose(-2, -1)
        weight = weight.softmax(-1, dtype=torch.promote_types(weight.dtype, torch.float32))
        return self.to_out((weight.to(value.dtype) @ value).transpose(1, 2).flatten(2))


class FacePerceiverResampler(nn.Module):
    """Latents [B,n,D] and features [B,m,E] -> [B,n,X]."""

    def __init__(self, width, depth, head_width, heads, feature_width, out_width):
        super().__init__()
        self.proj_in = nn.Linear(feature_width, width)
        self.proj_out = nn.Linear(width, out_width)
        self.norm_out = nn.LayerNorm(out_width)
        self.layers = nn.ModuleList(
            nn.ModuleList([PerceiverAttention(width, head_width, heads), feed_forward(width)])
            for _ in range(depth))

    def forward(self, latents, features):
        features = self.proj_in(features)
        for attention, mlp in self.layers:
            latents = attention(features, latents) + latents
            latents = mlp(latents) + latents
        return self.norm_out(self.proj_out(latents))


class Resampler(FacePerceiverResampler):
    """IP-Adapter Plus: features [B,m,E] -> [B,Q,X] from learned latents."""

    def __init__(self, width, depth, head_width, heads, queries, feature_width, out_width):
        super().__init__(width, depth, head_width, heads, feature_width, out_width)
        self.latents = nn.Parameter(torch.zeros(1, queries, width))

    def forward(self, features):
        return super().forward(self.latents.expand(len(features), -1, -1), features)


class ImageProjection(nn.Module):
    """IP-Adapter base: a projected image embedding [B,C] -> [B,T,X]."""

    def __init__(self, in_width, tokens, out_width):
        super().__init__()
        self.tokens = tokens
        self.proj = nn.Linear(in_width, tokens * out_width)
        self.norm = nn.LayerNorm(out_width)

    def forward(self, embeds):
        return self.norm(self.proj(embeds).unflatten(-1, (self.tokens, -1)))


class FullProjection(nn.Module):
    """IP-Adapter full: every CLIP token [B,m,E] -> [B,m,X]."""

    def __init__(self, in_width, out_width):
        super().__init__()
        self.proj = nn.Sequential(nn.Linear(in_width, in_width), nn.GELU(),
                                  nn.Linear(in_width, out_width), nn.LayerNorm(out_width))

    def forward(self, features):
        return self.proj(features)


class FaceProjection(nn.Module):
    """IP-Adapter FaceID: face vectors [B,F] or [B,n,F] -> [B,n*T,X]."""

    def __init__(self, in_width, hidden, tokens, out_width):
        super().__init__()
        self.tokens = tokens
        self.proj = nn.Sequential(nn.Linear(in_width, hidden), nn.GELU(),
                                  nn.Linear(hidden, tokens * out_width))
        self.norm = nn.LayerNorm(out_width)

    def forward(self, faces):
        tokens = self.norm(self.proj(faces).unflatten(-1, (self.tokens, -1)))
        return tokens.flatten(1, 2) if faces.dim() == 3 else tokens


class FacePlusProjection(FaceProjection):
    """IP-Adapter FaceID-Plus: a face vector and CLIP's tokens; v2 adds the face's own tokens."""

    def __init__(self, in_width, hidden, tokens, out_width, feature_width, depth, heads):
        super().__init__(in_width, hidden, tokens, out_width)
        self.perceiver_resampler = FacePerceiverResampler(
            out_width, depth, out_width // heads, heads, feature_width, out_width)

    def forward(self, faces, features, shortcut, s_scale=1.0):
        own = super().forward(faces)
        seen = self.perceiver_resampler(own, features)
        return own + s_scale * seen if shortcut else seen


class FuseMlp(nn.Module):
    def __init__(self, in_width, width, residual):
        super().__init__()
        self.residual = residual
        self.layernorm = nn.LayerNorm(in_width)
        self.fc1 = nn.Linear(in_width, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, x):
        y = self.fc2(nn.functional.gelu(self.fc1(self.layernorm(x))))
        return x + y if self.residual else y


class FuseModule(nn.Module):
    """Puts ID vectors [n,W] into the masked rows of a prompt [1,L,W]."""

    def __init__(self, width):
        super().__init__()
        self.mlp1 = FuseMlp(2 * width, width, residual=False)
        self.mlp2 = FuseMlp(width, width, residual=True)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, prompt, ids, mask):
        held = prompt[mask]
        fused = self.mlp1(torch.cat([held, ids], dim=-1)) + held
        result = prompt.clone()
        result[mask] = self.layer_norm(self.mlp2(fused))
        return result


class QFormerPerceiver(nn.Module):
    """Face vectors [B,F] and CLIP's tokens [B,m,E] -> [B,T,W]."""

    def __init__(self, face_width, width, tokens, feature_width, depth, head_width, ratio=4):
        super().__init__()
        self.tokens = tokens
        self.token_proj = nn.Sequential(nn.Linear(face_width, ratio * face_width), nn.GELU(),
                                        nn.Linear(ratio * face_width, tokens * width))
        self.token_norm = nn.LayerNorm(width)
        self.perceiver_resampler = FacePerceiverResampler(
            width, depth, head_width, width // head_width, feature_width, width)

    def forward(self, faces, features):
        own = self.token_norm(self.token_proj(faces).unflatten(-1, (self.tokens, -1)))
        return own + self.perceiver_resampler(own, features)


class PhotoMaker(transformers.CLIPVisionModelWithProjection):
    """Both versions; `qformer` (arguments of QFormerPerceiver) makes it the second.

    id_pixel_values [1,I,3,H,W], prompt_embeds [1,L,W], class_tokens_mask [1,L] bool,
    v2: id_embeds [1,I,F] -> [1,L,W]
    """

    def __init__(self, config, second_projection, qformer=None):
        super().__init__(config)
        width = config.projection_dim + second_projection
        self.visual_projection_2 = nn.Linear(config.hidden_size, second_projection, bias=False)
        self.fuse_module = FuseModule(width)
        if qformer:
            self.qformer_perceiver = QFormerPerceiver(width=width, feature_width=config.hidden_size,
                                                      **qformer)

    def forward(self, id_pixel_values, prompt_embeds, class_tokens_mask, id_embeds=None):
        seen = self.vision_model(id_pixel_values[0])
        if id_embeds is None:
            pooled = seen.pooler_output
            ids = torch.cat([self.visual_projection(pooled), self.visual_projection_2(pooled)], -1)
        else:
            ids = self.qformer_perceiver(id_embeds[0], seen.last_hidden_state).flatten(0, 1)
        return self.fuse_module(prompt_embeds, ids, class_tokens_mask)


def filled(module):
    """The filling rule of `NUMBERS`: sorted names, a sine, matrices divided by the root of fan-in."""
    for k, (name, tensor) in enumerate(sorted(module.state_dict().items())):
        value = 0.5 * torch.sin(0.1 * k + torch.arange(tensor.numel(), dtype=torch.float64))
        if name.endswith("weight") and tensor.dim() == 2:
            value = value / math.sqrt(tensor.shape[1])
        tensor.copy_(value.reshape(tensor.shape).float())
    return module.eval()


def wave(*shape):
    count = math.prod(shape)
    return torch.cos(0.3 * torch.arange(count, dtype=torch.float64)).float().reshape(shape)


def numbers():
    """(what, output, expected sum, expected sum of absolutes, expected first four, expected last)."""
    plus = FacePlusProjection(16, 32, 4, 128, 12, 4, 2)
    yield ("resampler", Resampler(8, 2, 4, 2, 3, 6, 5), (wave(2, 4, 6),), {},
           2.777676, 8.839885, (0.764589, 0.102046, -0.596975, -0.068111), 0.076631)
    yield ("faceid", FaceProjection(16, 32, 4, 8), (wave(2, 16),), {},
           4.539062, 21.921715, (0.049497, 1.020358, 0.764491, 0.059877), 0.948827)
    yield ("faceid-plus", plus, (wave(1, 16), wave(1, 5, 12)), dict(shortcut=False),
           53.771821, 188.975119, (-0.515523, -0.430856, -0.038397, 1.300359), -0.332189)
    yield ("faceid-plusv2", plus, (wave(1, 16), wave(1, 5, 12)), dict(shortcut=True, s_scale=0.7),
           74.784501, 252.545454, (-0.365865, 0.414360, 0.915356, 0.993586), 0.389509)
    yield ("qformer", QFormerPerceiver(16, 256, 2, 12, 4, 128), (wave(2, 16), wave(2, 5, 12)), {},
           240.229664, 683.681125, (-1.533682, -0.420309, 0.265080, 1.275839), 1.051874)
    mask = torch.tensor([[False, True, True, False, False]])
    yield ("fuse", FuseModule(4), (wave(1, 5, 4), 2 * wave(1, 2, 1, 4).flatten(0, 2), mask), {},
           5.291075, None, None, None)


@torch.no_grad()
def check():
    for what, module, inputs, more, total, absolute, first, last in numbers():
        output = filled(module)(*inputs, **more)
        flat = output.flatten()
        expected = [(output.sum(), total)]
        if absolute is not None:
            expected += [(output.abs().sum(), absolute), (flat[-1], last), *zip(flat[:4], first)]
        else:
            expected += zip(output[0, 1], (0.058433, 0.650416, 0.387086, 0.038761))
        for got, want in expected:
            assert abs(got.item() - want) <= 1e-5 * max(1.0, abs(want)), (what, got.item(), want)


if __name__ == "__main__":
    check()
    print("every number agrees")
