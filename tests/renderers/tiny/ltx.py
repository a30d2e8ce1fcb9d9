"""LTX: 0.9, 0.9.7 with a time for its decoder, and LTX-2, which makes sound as well."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers.pipelines.ltx2 import connectors as _connectors
from diffusers.pipelines.ltx2 import vocoder as _vocoder

from tests.renderers.tiny.text import gemma3, t5, tokenizer
from tests.renderers.tiny.weights import network

_d: Any = diffusers  # untyped in part
_c: Any = _connectors
_v: Any = _vocoder


def _autoencoder(*, timed: bool = False) -> Any:
    return network(
        _d.AutoencoderKLLTXVideo,
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5,
        spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
        timestep_conditioning=timed,
        patch_size=4,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )


def _parts(*, timed: bool = False) -> dict[str, Any]:
    transformer = network(
        _d.LTXVideoTransformer3DModel,
        in_channels=8,
        out_channels=8,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=1,
        caption_channels=32,
    )
    return {
        "scheduler": _d.FlowMatchEulerDiscreteScheduler(),
        "vae": _autoencoder(timed=timed),
        "text_encoder": t5(),
        "tokenizer": tokenizer(128),
        "transformer": transformer,
    }


def ltx() -> Any:
    return _d.LTXPipeline(**_parts())


def ltx_097() -> Any:
    """Return an LTX 0.9.7, whose decoder is given a time and noise."""
    return _d.LTXConditionPipeline(**_parts(timed=True))


def ltx_i2v() -> Any:
    return _d.LTXImageToVideoPipeline(**_parts())


def ltx2() -> Any:
    return _d.LTX2Pipeline(**sounding_parts())


def ltx2_i2v() -> Any:
    return _d.LTX2ImageToVideoPipeline(**sounding_parts(layers=2))


def ltx2_condition() -> Any:
    return _d.LTX2ConditionPipeline(**sounding_parts(layers=2))


def ltx2_in_context() -> Any:
    return _d.LTX2InContextPipeline(**sounding_parts(layers=2))


def sounding_parts(layers: int = 30) -> dict[str, Any]:
    """Return the parts of LTX-2. Of 30 layers the call perturbs the attention of layer 28; two are fast."""
    transformer = network(
        _d.LTX2VideoTransformer3DModel,
        in_channels=4,
        out_channels=4,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=layers,
        qk_norm="rms_norm_across_heads",
        caption_channels=32,
        rope_double_precision=False,
        rope_type="split",
    )
    return {
        "transformer": transformer,
        "vae": _ltx2_autoencoder(),
        "audio_vae": _audio_autoencoder(),
        "scheduler": _d.FlowMatchEulerDiscreteScheduler(),
        "text_encoder": gemma3(),
        "tokenizer": tokenizer(1024, pads_left=True),
        "connectors": _text_connectors(),
        "vocoder": _audio_vocoder(),
    }


def _ltx2_autoencoder() -> Any:
    return network(
        _d.AutoencoderKLLTX2Video,
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(8, 16, 32, 64),
        decoder_block_out_channels=(8, 16, 32),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True, True),
        decoder_spatio_temporal_scaling=(True, True, True),
        decoder_inject_noise=(False,) * 4,
        downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
        upsample_residual=(True,) * 3,
        upsample_factor=(2, 2, 2),
        timestep_conditioning=False,
        patch_size=4,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )


def _audio_autoencoder() -> Any:
    return network(
        _d.AutoencoderKLLTX2Audio,
        base_channels=4,
        output_channels=2,
        ch_mult=(1,),
        num_res_blocks=1,
        attn_resolutions=None,
        in_channels=2,
        resolution=32,
        latent_channels=2,
        norm_type="pixel",
        causality_axis="height",
        dropout=0.0,
        mid_block_add_attention=False,
        sample_rate=16000,
        mel_hop_length=160,
        is_causal=True,
        mel_bins=8,
    )


def _text_connectors() -> Any:
    return network(
        _c.LTX2TextConnectors,
        caption_channels=32,
        text_proj_in_factor=3,
        video_connector_num_attention_heads=4,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        audio_connector_num_attention_heads=4,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=32,
        rope_theta=10000.0,
        rope_double_precision=False,
        causal_temporal_positioning=False,
        rope_type="split",
    )


def _audio_vocoder() -> Any:
    return network(
        _v.LTX2Vocoder,
        in_channels=16,
        hidden_channels=32,
        out_channels=2,
        upsample_kernel_sizes=[32, 20],
        upsample_factors=[16, 10],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        leaky_relu_negative_slope=0.1,
        output_sampling_rate=16000,
    )
