"""Families of one class each: Mochi, Sana-Video, Allegro, EasyAnimate, Motif."""

from __future__ import annotations

from typing import Any

import diffusers
import torch

from tests.renderers.tiny.text import gemma2, qwen2, t5, t5gemma2, tokenizer
from tests.renderers.tiny.vision import siglip_pictures
from tests.renderers.tiny.wan import wan_autoencoder
from tests.renderers.tiny.weights import network

_d: Any = diffusers  # untyped in part


def mochi() -> Any:
    transformer = network(
        _d.MochiTransformer3DModel,
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        in_channels=12,
        out_channels=None,
        qk_norm="rms_norm",
        text_embed_dim=32,
        time_embed_dim=4,
        activation_fn="swiglu",
        max_sequence_length=16,
    )
    with torch.no_grad():
        transformer.pos_frequencies.zero_()  # the class leaves them uninitialised
    autoencoder = network(
        _d.AutoencoderKLMochi,
        latent_channels=12,
        out_channels=3,
        encoder_block_out_channels=(32,) * 4,
        decoder_block_out_channels=(32,) * 4,
        layers_per_block=(1,) * 5,
    )
    return _d.MochiPipeline(
        transformer=transformer,
        vae=autoencoder,
        scheduler=_d.FlowMatchEulerDiscreteScheduler(),
        text_encoder=t5(),
        tokenizer=tokenizer(256),
    )


def sana_video() -> Any:
    transformer = network(
        _d.SanaVideoTransformer3DModel,
        in_channels=16,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=8,
        mlp_ratio=2.5,
        dropout=0.0,
        attention_bias=False,
        sample_size=8,
        patch_size=(1, 2, 2),
        norm_elementwise_affine=False,
        norm_eps=1e-6,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    steps = _d.DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=8.0
    )
    return _d.SanaVideoPipeline(
        vae=wan_autoencoder(),
        scheduler=steps,
        text_encoder=gemma2(),
        tokenizer=tokenizer(),
        transformer=transformer,
    )


def allegro() -> Any:
    """Return an Allegro, whose autoencoder decodes whole tiles only: 24 frames of 128 pixels a side at least."""
    transformer = network(
        _d.AllegroTransformer3DModel,
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        cross_attention_dim=24,
        sample_width=8,
        sample_height=8,
        sample_frames=8,
        caption_channels=24,
    )
    autoencoder = network(
        _d.AutoencoderKLAllegro,
        in_channels=3,
        out_channels=3,
        down_block_types=("AllegroDownBlock3D",) * 4,
        up_block_types=("AllegroUpBlock3D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
        sample_size=128,
    )
    return _d.AllegroPipeline(
        transformer=transformer,
        vae=autoencoder,
        scheduler=_d.EulerAncestralDiscreteScheduler(),
        text_encoder=t5(24),
        tokenizer=tokenizer(512),
    )


def _easyanimate_transformer(channels: int) -> Any:
    return network(
        _d.EasyAnimateTransformer3DModel,
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=channels,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=16,
        num_layers=1,
        sample_width=16,
        sample_height=16,
        patch_size=2,
    )


def easyanimate() -> Any:
    autoencoder = network(
        _d.AutoencoderKLMagvit,
        in_channels=3,
        out_channels=3,
        down_block_types=("SpatialDownBlock3D", *("SpatialTemporalDownBlock3D",) * 3),
        up_block_types=("SpatialUpBlock3D", *("SpatialTemporalUpBlock3D",) * 3),
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        spatial_group_norm=False,
    )
    return _d.EasyAnimatePipeline(
        transformer=_easyanimate_transformer(4),
        vae=autoencoder,
        scheduler=_d.FlowMatchEulerDiscreteScheduler(),
        text_encoder=qwen2(),
        tokenizer=tokenizer(256, chats=True),
    )


def _motif_transformer(**more: Any) -> Any:
    return network(
        _d.MotifVideoTransformer3DModel,
        in_channels=33,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=1,
        num_single_layers=1,
        mlp_ratio=4.0,
        patch_size=1,
        patch_size_t=1,
        qk_norm="rms_norm",
        text_embed_dim=32,
        rope_axes_dim=(4, 4, 4),
        **more,
    )


def motif() -> Any:
    """Return a Motif, whose guidance is a component of its own."""
    return _d.MotifVideoPipeline(
        transformer=_motif_transformer(),
        vae=wan_autoencoder(),
        scheduler=_d.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder=t5gemma2(),
        tokenizer=tokenizer(512),
        feature_extractor=None,
        guider=_d.AdaptiveProjectedGuidance(),
    )


def sana_i2v() -> Any:
    return _d.SanaImageToVideoPipeline(**sana_video().components)


def easyanimate_inpaint() -> Any:
    """Return an EasyAnimate whose input has a mask and a masked video beside the noise."""
    parts = easyanimate().components | {"transformer": _easyanimate_transformer(9)}
    return _d.EasyAnimateInpaintPipeline(**parts)


def motif_i2v() -> Any:
    parts = motif().components
    parts["transformer"] = _motif_transformer(image_embed_dim=16)
    parts["feature_extractor"] = siglip_pictures(28)
    return _d.MotifVideoImage2VideoPipeline(**parts)
