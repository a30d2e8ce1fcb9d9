"""Families with the autoencoder of Stable Diffusion, which decodes each frame as a picture of its own."""

from __future__ import annotations

from typing import Any

import diffusers
import torch

from tests.renderers.tiny.text import clip, clip_with_projection, t5, tokenizer
from tests.renderers.tiny.vision import clip_pictures, clip_vision_with_projection
from tests.renderers.tiny.weights import network

_d: Any = diffusers  # untyped in part


def _autoencoder() -> Any:
    return network(
        _d.AutoencoderKL,
        block_out_channels=(8, 8, 8, 8),
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
        norm_num_groups=2,
    )


def _ddim(schedule: str) -> Any:
    return _d.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule=schedule, clip_sample=False, set_alpha_to_one=False
    )


def _text_side() -> dict[str, Any]:
    return {"text_encoder": clip(8), "tokenizer": tokenizer(77, starts=True)}


def animatediff() -> Any:
    return _d.AnimateDiffPipeline(**_text_side(), **_animatediff_parts())


def animatediff_pag() -> Any:
    """Return an AnimateDiff with perturbed attention in its middle block."""
    parts = _animatediff_parts()
    return _d.AnimateDiffPAGPipeline(**_text_side(), **parts, pag_applied_layers="mid_block.*attn1")


def animatediff_sdxl() -> Any:
    """Return an AnimateDiff SDXL: two text encoders, and the size of the picture is part of its time."""
    parts = _animatediff_parts(
        cross_attention_dim=16,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
        transformer_layers_per_block=(1, 1),
        use_linear_projection=True,
    )
    return _d.AnimateDiffSDXLPipeline(
        **_text_side(),
        **parts,
        text_encoder_2=clip_with_projection(8, 32),
        tokenizer_2=tokenizer(77, starts=True),
    )


def _animatediff_parts(*, adapter_channels: int | None = None, **more: Any) -> dict[str, Any]:
    """Return the parts of AnimateDiff beside its text encoder. `more` is of the network of pictures.

    `adapter_channels` are those of the input of an adapter that has one of its own.
    """
    network_of_pictures = network(
        _d.UNet2DConditionModel,
        block_out_channels=(8, 8),
        layers_per_block=2,
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=2,
        **{"cross_attention_dim": 8} | more,
    )
    motion = network(
        _d.MotionAdapter,
        block_out_channels=(8, 8),
        motion_layers_per_block=2,
        motion_norm_num_groups=2,
        motion_num_attention_heads=4,
        conv_in_channels=adapter_channels,
    )
    return {
        "unet": network_of_pictures,
        "scheduler": _ddim("linear"),
        "vae": _autoencoder(),
        "motion_adapter": motion,
    }


def text_to_video_sd() -> Any:
    network_of_videos = network(
        _d.UNet3DConditionModel,
        block_out_channels=(8, 8),
        layers_per_block=1,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=8,
        attention_head_dim=4,
        norm_num_groups=2,
    )
    return _d.TextToVideoSDPipeline(
        **_text_side(), unet=network_of_videos, scheduler=_ddim("scaled_linear"), vae=_autoencoder()
    )


def latte() -> Any:
    """Return a Latte, which draws 16 frames at a time."""
    transformer = network(
        _d.LatteTransformer3DModel,
        sample_size=8,
        num_layers=1,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=32,
        in_channels=4,
        cross_attention_dim=24,
        out_channels=8,
        attention_bias=True,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        norm_eps=1e-6,
    )
    return _d.LattePipeline(
        transformer=transformer,
        vae=_autoencoder(),
        scheduler=_d.DDIMScheduler(),
        text_encoder=t5(),
        tokenizer=tokenizer(120),
    )


def animatediff_v2v() -> Any:
    return _d.AnimateDiffVideoToVideoPipeline(**_text_side(), **_animatediff_parts())


def animatediff_controlnet() -> Any:
    return _d.AnimateDiffControlNetPipeline(**_controlled_parts())


def animatediff_v2v_controlnet() -> Any:
    return _d.AnimateDiffVideoToVideoControlNetPipeline(**_controlled_parts())


def _controlled_parts() -> dict[str, Any]:
    """Return the parts of an AnimateDiff with a ControlNet, which reads each frame of a control video."""
    controlnet = network(
        _d.ControlNetModel,
        block_out_channels=(8, 8),
        layers_per_block=2,
        in_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        norm_num_groups=2,
        cross_attention_dim=8,
        conditioning_embedding_out_channels=(8, 8, 8, 8),
    )
    with torch.no_grad():  # or an untrained network sees little of the control video
        for embedding in controlnet.controlnet_cond_embedding.parameters():
            embedding.mul_(8)
    return _text_side() | _animatediff_parts() | {"controlnet": controlnet}


def pia() -> Any:
    """Return a PIA, whose input has a mask and the encoded picture beside the noise."""
    return _d.PIAPipeline(**_text_side(), **_animatediff_parts(adapter_channels=9))


def video_to_video_sd() -> Any:
    return _d.VideoToVideoSDPipeline(**text_to_video_sd().components)


def i2vgen_xl() -> Any:
    unet = network(
        _d.I2VGenXLUNet,
        block_out_channels=(8, 8),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        norm_num_groups=2,
        cross_attention_dim=8,
        attention_head_dim=4,
    )
    return _d.I2VGenXLPipeline(
        **_text_side(),
        unet=unet,
        vae=_autoencoder(),
        scheduler=_ddim("linear"),
        image_encoder=clip_vision_with_projection(8, 8),
        feature_extractor=clip_pictures(),
    )


def stable_video_diffusion() -> Any:
    """Return a Stable Video Diffusion, which reads no text."""
    unet = network(
        _d.UNetSpatioTemporalConditionModel,
        block_out_channels=(32, 32),
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        layers_per_block=1,
        cross_attention_dim=8,
        num_attention_heads=2,
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24,
    )
    autoencoder = network(
        _d.AutoencoderKLTemporalDecoder,
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        latent_channels=4,
    )
    steps = _d.EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_type="continuous",
        use_karras_sigmas=True,
        sigma_min=0.002,
        sigma_max=700.0,
    )
    return _d.StableVideoDiffusionPipeline(
        vae=autoencoder,
        image_encoder=clip_vision_with_projection(8, 8, 224, 56),
        unet=unet,
        scheduler=steps,
        feature_extractor=clip_pictures(224),
    )


def animatediff_sparse() -> Any:
    """Return an AnimateDiff with a SparseCtrl that reads encoded pictures."""
    controlnet = network(
        _d.SparseControlNetModel,
        in_channels=4,
        conditioning_channels=4,
        block_out_channels=(8, 8),
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlockMotion", "DownBlockMotion"),
        norm_num_groups=2,
        cross_attention_dim=8,
        transformer_layers_per_block=1,
        num_attention_heads=4,
        motion_num_attention_heads=4,
        use_simplified_condition_embedding=True,
    )
    return _d.AnimateDiffSparseControlNetPipeline(
        **_text_side(), **_animatediff_parts(), controlnet=controlnet
    )
