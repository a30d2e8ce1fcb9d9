"""Small pipelines of real classes with random weights: one that decodes frame by frame, one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from tests.renderers.random_weights import build_pipeline, build_text_side

_d: Any = diffusers
_t: Any = transformers


def wan_folder(folder: Path) -> Path:
    """Write a WanPipeline of the size of kinolog-tiny and return its folder."""
    build_pipeline(folder)
    return folder


def ltx_folder(folder: Path) -> Path:
    """Write an LTXPipeline and return its folder.

    It has masks with its embeddings, packed latents, sizes in multiples of 32 and lengths in multiples of 8.
    """
    torch.manual_seed(0)
    tokenizer, _ = build_text_side()
    config = _t.T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4, dropout_rate=0.0
    )
    pipe = _d.LTXPipeline(
        scheduler=_d.FlowMatchEulerDiscreteScheduler(),
        vae=_d.AutoencoderKLLTXVideo(
            latent_channels=8,
            block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1, 1),
            spatio_temporal_scaling=(True, True, True, False),
            decoder_spatio_temporal_scaling=(True, True, True, False),
            decoder_inject_noise=(False, False, False, False, False),
            upsample_residual=(False, False, False, False),
            upsample_factor=(1, 1, 1, 1),
            timestep_conditioning=False,
            patch_size=4,
            patch_size_t=1,
            encoder_causal=True,
            decoder_causal=False,
        ).eval(),
        text_encoder=_t.T5EncoderModel(config).eval(),
        tokenizer=tokenizer,
        transformer=_d.LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            patch_size=1,
            patch_size_t=1,
            num_attention_heads=4,
            attention_head_dim=8,
            cross_attention_dim=32,
            num_layers=1,
            caption_channels=32,
        ).eval(),
    )
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder
