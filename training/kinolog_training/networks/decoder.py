"""The VAE's decoder, trained flat: a 2-D network over single latent frames that becomes an AutoencoderKLWan.

A latent frame describes its two frames completely, so the decoder needs no past: of every 3-D kernel only the newest
time tap is used, and single frames are enough for training. `install` writes the weights into the real class, where the
older taps are zero and `decode` gives the same frames.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kinolog_training.networks.wan import AutoencoderKLWan
from kinolog_training.scenes.latents import CHANNELS

WIDTH = 48
PATCH = 4


def build_vae() -> Any:
    """Return the shipped autoencoder. Text-to-video never encodes: its encoder is as small as the class allows."""
    return AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=WIDTH,
        z_dim=CHANNELS,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[True],
        latents_mean=[0.0] * CHANNELS,
        latents_std=[1.0] * CHANNELS,
        in_channels=3 * PATCH * PATCH,
        out_channels=3 * PATCH * PATCH,
        patch_size=PATCH,
        scale_factor_temporal=2,
        scale_factor_spatial=8,
    )


class RmsNorm(nn.Module):
    """The root-mean-square norm over channels that the Wan VAE uses."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = functional.normalize(x, dim=1) * (x.shape[1] ** 0.5 * self.gamma)
        return scaled


class ResidualBlock(nn.Module):
    """Two convolutions with a skip connection; the second has small initial weights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = RmsNorm(width), nn.Conv2d(width, width, 3, padding=1)
        self.norm2, self.conv2 = RmsNorm(width), nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.conv2.weight *= 0.2

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        result: Tensor = x + self.conv2(functional.silu(self.norm2(h)))
        return result


class FrameAttention(nn.Module):
    """One head over the cells of one latent frame."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = RmsNorm(width)
        self.to_qkv = nn.Conv2d(width, 3 * width, 1)
        self.proj = nn.Conv2d(width, width, 1)
        with torch.no_grad():
            self.proj.weight *= 0.2

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.to_qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=2)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        result: Tensor = x + self.proj(mixed)
        return result


class FlatDecoder(nn.Module):
    """Decodes latent frames to pictures in -1..1: `pairs` to two pictures each, `firsts` to one."""

    def __init__(self) -> None:
        super().__init__()
        wide = 2 * WIDTH
        self.conv_in = nn.Conv2d(CHANNELS, wide, 3, padding=1)
        self.mid = nn.ModuleList([ResidualBlock(wide), FrameAttention(wide), ResidualBlock(wide)])
        self.coarse = nn.ModuleList([ResidualBlock(wide), ResidualBlock(wide)])
        self.time_conv = nn.Conv2d(wide, 2 * wide, 1)
        self.upsample = nn.Conv2d(wide, WIDTH, 3, padding=1)
        self.fine = nn.ModuleList([ResidualBlock(WIDTH), ResidualBlock(WIDTH)])
        self.norm_out = RmsNorm(WIDTH)
        self.conv_out = nn.Conv2d(WIDTH, 3 * PATCH * PATCH, 3, padding=1)
        with torch.no_grad():
            for half in self.time_conv.weight.chunk(2):
                nn.init.orthogonal_(half)
            nn.init.orthogonal_(self.upsample.weight.flatten(1))
            self.conv_out.weight *= 0.3

    def forward(self, pairs: Tensor, firsts: Tensor) -> tuple[Tensor, Tensor]:
        """Decode pairs [n, 48, 8, 8] to [n, 2, 3, 64, 64] and firsts [m, 48, 8, 8] to [m, 3, 64, 64]."""
        n = len(pairs)
        x = self.conv_in(torch.cat([pairs, firsts]))
        for part in (*self.mid, *self.coarse):
            x = part(x)
        split = self.time_conv(x[:n]).unflatten(1, (2, 2 * WIDTH)).flatten(0, 1)
        x = torch.cat([split, x[n:]])
        x = self.upsample(functional.interpolate(x, scale_factor=2, mode="nearest-exact"))
        for part in self.fine:
            x = part(x)
        x = self.conv_out(functional.silu(self.norm_out(x)))
        side = x.shape[-1]
        x = (
            x.view(-1, 3, PATCH, PATCH, side, side)
            .permute(0, 1, 4, 3, 5, 2)
            .reshape(-1, 3, side * PATCH, side * PATCH)
        )
        # The clones share no storage, which torch.compile cannot handle.
        return x[: 2 * n].unflatten(0, (n, 2)).clone(), x[2 * n :].clone()


@torch.no_grad()
def install(flat: Any, vae: Any) -> None:
    """Write a FlatDecoder's weights into the real decoder; `post_quant_conv` becomes the identity."""
    target = vae.decoder
    _copy(flat.conv_in, target.conv_in)
    for block, real in (
        (flat.mid[0], target.mid_block.resnets[0]),
        (flat.mid[2], target.mid_block.resnets[1]),
    ):
        _copy_residual(block, real)
    attention = target.mid_block.attentions[0]
    attention.norm.gamma.copy_(flat.mid[1].norm.gamma)
    attention.to_qkv.load_state_dict(flat.mid[1].to_qkv.state_dict())
    attention.proj.load_state_dict(flat.mid[1].proj.state_dict())
    for blocks, up in zip((flat.coarse, flat.fine), target.up_blocks, strict=True):
        for block, real in zip(blocks, up.resnets, strict=True):
            _copy_residual(block, real)
    upsampler = target.up_blocks[0].upsamplers[0]
    _copy(flat.time_conv, upsampler.time_conv)
    upsampler.resample[1].load_state_dict(flat.upsample.state_dict())
    target.norm_out.gamma.copy_(flat.norm_out.gamma[..., None])
    _copy(flat.conv_out, target.conv_out)
    vae.post_quant_conv.weight.copy_(torch.eye(CHANNELS).view(CHANNELS, CHANNELS, 1, 1, 1))
    vae.post_quant_conv.bias.zero_()


def _copy(flat: Any, real: Any) -> None:
    real.weight.zero_()
    real.weight[:, :, -1] = flat.weight
    real.bias.copy_(flat.bias)


def _copy_residual(flat: Any, real: Any) -> None:
    real.norm1.gamma.copy_(flat.norm1.gamma[..., None])
    real.norm2.gamma.copy_(flat.norm2.gamma[..., None])
    _copy(flat.conv1, real.conv1)
    _copy(flat.conv2, real.conv2)
