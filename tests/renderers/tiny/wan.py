"""Wan, and the families that have its autoencoder and text encoder: SkyReels-V2, AnyFlow, Helios."""

from __future__ import annotations

from typing import Any

import diffusers

from tests.renderers.tiny.text import tokenizer, umt5
from tests.renderers.tiny.vision import clip_pictures, clip_vision
from tests.renderers.tiny.weights import network

_d: Any = diffusers  # untyped in part


def wan_autoencoder() -> Any:
    """Return an autoencoder of Wan 2.1: 8 times smaller in space, 4 times in time."""
    return network(
        _d.AutoencoderKLWan,
        base_dim=3,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )


def denoiser(
    kind: str = "WanTransformer3DModel", *, channels: int = 16, weights_seed: int = 0, **more: Any
) -> Any:
    """Return a transformer of that class. `channels` are those of its input."""
    configuration: dict[str, Any] = {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": channels,
        "out_channels": 16,
        "text_dim": 32,
        "freq_dim": 256,
        "ffn_dim": 32,
        "num_layers": 2,
        "cross_attn_norm": True,
        "rope_max_seq_len": 32,
    }
    return network(getattr(_d, kind), weights_seed=weights_seed, **configuration | more)


def scheduler(shift: float = 3.0) -> Any:
    """Return the scheduler of Wan."""
    return _d.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
    )


def parts() -> dict[str, Any]:
    return {
        "tokenizer": tokenizer(512),
        "text_encoder": umt5(),
        "vae": wan_autoencoder(),
        "scheduler": scheduler(),
    }


_NORM: dict[str, Any] = {"qk_norm": "rms_norm_across_heads"}


def wan21() -> Any:
    return _d.WanPipeline(**parts(), transformer=denoiser(**_NORM))


def wan22() -> Any:
    """Return a Wan 2.2: one transformer for the noisy steps, another for the others."""
    return _d.WanPipeline(
        **parts(),
        transformer=denoiser(**_NORM),
        transformer_2=denoiser(weights_seed=1, **_NORM),
        boundary_ratio=0.875,
    )


def wan22_5b() -> Any:
    """Return a Wan 2.2 of 5 B: an autoencoder of residuals and patches, a time for each token."""
    channels = 48
    autoencoder = network(
        _d.AutoencoderKLWan,
        base_dim=3,
        z_dim=channels,
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
        latents_mean=[0.0] * channels,
        latents_std=[1.0] * channels,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        scale_factor_spatial=16,
        scale_factor_temporal=4,
    )
    transformer = denoiser(channels=channels, out_channels=channels, **_NORM)
    changed = parts() | {"vae": autoencoder, "scheduler": scheduler(5.0)}
    return _d.WanPipeline(**changed, transformer=transformer, expand_timesteps=True)


def wan_vace() -> Any:
    return _d.WanVACEPipeline(**parts(), transformer=vace_transformer())


def vace_transformer(weights_seed: int = 0) -> Any:
    more: dict[str, Any] = {"num_layers": 3, "vace_layers": [0, 2], "vace_in_channels": 96}
    return denoiser("WanVACETransformer3DModel", weights_seed=weights_seed, **more, **_NORM)


def picture_transformer(**more: Any) -> Any:
    return denoiser(channels=36, **more, **_NORM)


def wan_i2v() -> Any:
    """Return a Wan 2.2 that starts from a picture: noise, mask and encoded picture are its input."""
    return _d.WanImageToVideoPipeline(
        **parts(),
        transformer=picture_transformer(),
        transformer_2=picture_transformer(weights_seed=1),
        image_encoder=None,
        image_processor=None,
        boundary_ratio=0.875,
    )


def skyreels_v2() -> Any:
    changed = parts() | {"scheduler": _d.UniPCMultistepScheduler(flow_shift=8.0, use_flow_sigmas=True)}
    return _d.SkyReelsV2Pipeline(**changed, transformer=denoiser("SkyReelsV2Transformer3DModel", **_NORM))


def skyreels_v2_df() -> Any:
    """Return a SkyReels-V2 with diffusion forcing: each frame has a time of its own."""
    transformer = denoiser("SkyReelsV2Transformer3DModel", **_NORM)
    return _d.SkyReelsV2DiffusionForcingPipeline(
        **parts() | {"scheduler": scheduler(8.0)}, transformer=transformer
    )


def anyflow() -> Any:
    transformer = denoiser("AnyFlowTransformer3DModel", gate_value=0.25, deltatime_type="r")
    steps = _d.FlowMapEulerDiscreteScheduler(num_train_timesteps=1000, shift=5.0)
    return _d.AnyFlowPipeline(**parts() | {"scheduler": steps}, transformer=transformer)


def anyflow_far() -> Any:
    """Return an AnyFlow FAR, which draws the chunks that it was made for one by one: 1, 2 and 1 latent frames."""
    transformer = denoiser(
        "AnyFlowFARTransformer3DModel", gate_value=0.25, deltatime_type="r", chunk_partition=(1, 2, 1)
    )
    steps = _d.FlowMapEulerDiscreteScheduler(num_train_timesteps=1000, shift=5.0)
    return _d.AnyFlowFARPipeline(**parts() | {"scheduler": steps}, transformer=transformer)


def helios() -> Any:
    """Return a Helios, which denoises and decodes one chunk of frames after the other."""
    steps = _d.HeliosScheduler(stage_range=[0, 1], stages=1, use_dynamic_shifting=True)
    return _d.HeliosPipeline(**parts() | {"scheduler": steps}, transformer=_helios_transformer())


def helios_pyramid() -> Any:
    """Return a Helios Pyramid, which denoises a chunk at a quarter of its size, at half of it, and whole.

    `gamma` is less than the default: with that the noise between the sizes has a covariance that LAPACK calls singular.
    """
    steps = _d.HeliosScheduler(use_dynamic_shifting=True, gamma=0.25)
    return _d.HeliosPyramidPipeline(**parts() | {"scheduler": steps}, transformer=_helios_transformer())


def _helios_transformer() -> Any:
    configuration: dict[str, Any] = {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": 16,
        "out_channels": 16,
        "text_dim": 32,
        "freq_dim": 256,
        "ffn_dim": 32,
        "num_layers": 2,
        "cross_attn_norm": True,
        "rope_dim": (4, 4, 4),
        "has_multi_term_memory_patch": True,
        "guidance_cross_attn": True,
        "zero_history_timestep": True,
        "is_amplify_history": False,
    }
    return network(_d.HeliosTransformer3DModel, **configuration, **_NORM)


_VISION: dict[str, Any] = {"image_dim": 16, "added_kv_proj_dim": 24}
"""What a transformer of Wan 2.1 has that looks at pictures."""


def _seeing_parts() -> dict[str, Any]:
    return parts() | {"image_encoder": clip_vision(16), "image_processor": clip_pictures()}


def wan21_flf2v() -> Any:
    """Return a Wan 2.1 that goes from one picture to another: both are 10 tokens of its input."""
    transformer = denoiser(channels=36, pos_embed_seq_len=10, **_VISION, **_NORM)
    return _d.WanImageToVideoPipeline(**_seeing_parts(), transformer=transformer)


def wan22_5b_i2v() -> Any:
    """Return a Wan 2.2 of 5 B that starts from a picture, which is its first latent frame."""
    parts = wan22_5b().components | {"image_encoder": None, "image_processor": None}
    return _d.WanImageToVideoPipeline(**parts, expand_timesteps=True)


def wan_v2v() -> Any:
    return _d.WanVideoToVideoPipeline(**parts(), transformer=denoiser(**_NORM))


def wan_animate() -> Any:
    """Return a Wan Animate, which draws a video of poses in segments. It looks at a face as a square of 32 pixels."""
    transformer = denoiser(
        "WanAnimateTransformer3DModel",
        channels=36,
        motion_encoder_channel_sizes={str(2**power): 8 for power in range(2, 6)},
        motion_encoder_size=32,
        motion_style_dim=8,
        motion_dim=4,
        motion_encoder_dim=16,
        face_encoder_hidden_dim=16,
        face_encoder_num_heads=2,
        inject_face_latents_blocks=1,
        **_VISION,
        **_NORM,
    )
    return _d.WanAnimatePipeline(**_seeing_parts(), transformer=transformer)


def lucy_edit() -> Any:
    """Return a Lucy Edit: the encoded video is the second half of its input."""
    transformer = denoiser(channels=32, **_NORM)
    return _d.LucyEditPipeline(**parts(), transformer=transformer, expand_timesteps=True)


def skyreels_v2_i2v() -> Any:
    transformer = denoiser("SkyReelsV2Transformer3DModel", channels=36, **_VISION, **_NORM)
    return _d.SkyReelsV2ImageToVideoPipeline(**_seeing_parts(), transformer=transformer)


def skyreels_v2_df_i2v() -> Any:
    return _d.SkyReelsV2DiffusionForcingImageToVideoPipeline(**_forcing_parts())


def skyreels_v2_df_v2v() -> Any:
    return _d.SkyReelsV2DiffusionForcingVideoToVideoPipeline(**_forcing_parts())


def _forcing_parts() -> dict[str, Any]:
    transformer = denoiser("SkyReelsV2Transformer3DModel", **_NORM)
    return parts() | {"scheduler": scheduler(8.0), "transformer": transformer}
