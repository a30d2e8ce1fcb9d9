"""HunyuanVideo, its version 1.5, and Framepack; Kandinsky 5 and 6, which have its autoencoder."""

from __future__ import annotations

from typing import Any

import diffusers
import transformers

from tests.renderers.tiny.text import clip, llama, qwen25, qwen25_text, t5, tokenizer
from tests.renderers.tiny.vision import (
    clip_pictures,
    llava,
    llava_tokenizer,
    siglip_pictures,
    siglip_vision,
)
from tests.renderers.tiny.weights import network

_d: Any = diffusers  # untyped in part, as is transformers
_t: Any = transformers


def _autoencoder(*, channels: int = 4, attends: bool = True) -> Any:
    return network(
        _d.AutoencoderKLHunyuanVideo,
        in_channels=3,
        out_channels=3,
        latent_channels=channels,
        down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        act_fn="silu",
        norm_num_groups=4,
        scaling_factor=0.476986,
        spatial_compression_ratio=8,
        temporal_compression_ratio=4,
        mid_block_add_attention=attends,
    )


def _parts() -> dict[str, Any]:
    return {
        "vae": _autoencoder(),
        "scheduler": _d.FlowMatchEulerDiscreteScheduler(shift=7.0),
        "text_encoder": llama(),
        "text_encoder_2": clip(8),
        "tokenizer": tokenizer(256, starts=True),
        "tokenizer_2": tokenizer(77, starts=True),
    }


def _transformer(kind: str, **more: Any) -> Any:
    configuration: dict[str, Any] = {
        "in_channels": 4,
        "out_channels": 4,
        "num_attention_heads": 2,
        "attention_head_dim": 10,
        "num_layers": 1,
        "num_single_layers": 1,
        "num_refiner_layers": 1,
        "patch_size": 1,
        "patch_size_t": 1,
        "guidance_embeds": True,
        "text_embed_dim": 16,
        "pooled_projection_dim": 8,
        "rope_axes_dim": (2, 4, 4),
    }
    return network(getattr(_d, kind), **configuration | more)


def hunyuan() -> Any:
    return _d.HunyuanVideoPipeline(**_parts(), transformer=_transformer("HunyuanVideoTransformer3DModel"))


def hunyuan_framepack() -> Any:
    """Return a Framepack, which draws sections of frames from the last to the first."""
    transformer = _transformer(
        "HunyuanVideoFramepackTransformer3DModel",
        patch_size=2,
        image_condition_type=None,
        has_image_proj=True,
        image_proj_dim=32,
        has_clean_x_embedder=True,
    )
    pictures = _t.SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=30,
        patch_size=2,
    )
    return _d.HunyuanVideoFramepackPipeline(
        **_parts(),
        transformer=transformer,
        feature_extractor=_t.SiglipImageProcessor(size={"height": 30, "width": 30}),
        image_encoder=network(_t.SiglipVisionModel, pictures),
    )


def _transformer15(task: str) -> Any:
    return network(
        _d.HunyuanVideo15Transformer3DModel,
        in_channels=9,
        out_channels=4,
        num_attention_heads=1,
        attention_head_dim=8,
        num_layers=1,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        patch_size=1,
        patch_size_t=1,
        text_embed_dim=16,
        text_embed_2_dim=32,
        image_embed_dim=12,
        rope_axes_dim=(2, 2, 4),
        target_size=16,
        task_type=task,
    )


def hunyuan15() -> Any:
    """Return a HunyuanVideo 1.5, whose guidance is a component of its own."""
    autoencoder = network(
        _d.AutoencoderKLHunyuanVideo15,
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(16, 16),
        layers_per_block=1,
        spatial_compression_ratio=4,
        temporal_compression_ratio=2,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )
    return _d.HunyuanVideo15Pipeline(
        transformer=_transformer15("t2v"),
        vae=autoencoder,
        scheduler=_d.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder=qwen25_text(),
        text_encoder_2=t5(vocabulary=400),
        tokenizer=tokenizer(1000, chats=True),
        tokenizer_2=_t.ByT5Tokenizer(),
        guider=_d.ClassifierFreeGuidance(guidance_scale=6.0),
    )


def kandinsky5() -> Any:
    """Return a Kandinsky 5. A plain tokenizer is its processor: that of Qwen needs torchvision, though not for text."""
    transformer = _kandinsky5_transformer(visual_cond=False)
    return _d.Kandinsky5T2VPipeline(**_kandinsky_parts(), transformer=transformer)


def _kandinsky5_transformer(*, visual_cond: bool) -> Any:
    return network(
        _d.Kandinsky5Transformer3DModel,
        in_visual_dim=16,
        in_text_dim=32,
        in_text_dim2=16,
        time_dim=16,
        out_visual_dim=16,
        patch_size=(1, 2, 2),
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(1, 1, 2),
        visual_cond=visual_cond,
        attention_type="regular",
    )


def kandinsky6() -> Any:
    """Return a Kandinsky 6, which makes sound as well."""
    transformer = network(
        _d.Kandinsky6Transformer3DModel,
        in_visual_dim=16,
        out_visual_dim=16,
        in_text_dim=32,
        in_text_dim2=16,
        time_dim=16,
        patch_size=(1, 2, 2),
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(4, 6, 6),
        visual_cond=True,
        visual_token_type_num_embeddings=2,
        in_audio_dim=4,
        out_audio_dim=4,
    )
    return _d.Kandinsky6TI2VAPipeline(
        **_kandinsky_parts(),
        transformer=transformer,
        audio_vae=_audio_autoencoder(),
        vocoder=_audio_vocoder(),
    )


def _audio_autoencoder() -> Any:
    return network(
        _d.MMAudioVAE,
        mel_bins=8,
        latent_channels=4,
        hidden_channels=8,
        layers_per_block=1,
        sample_rate=16000,
        n_fft=128,
        hop_length=64,
    )


def _audio_vocoder() -> Any:
    return network(
        _d.MMAudioVocoder,
        num_mels=8,
        upsample_initial_channel=32,
        upsample_rates=(8, 8),
        upsample_kernel_sizes=(16, 16),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1,),),
    )


def _kandinsky_parts() -> dict[str, Any]:
    return {
        "vae": _autoencoder(channels=16, attends=False),
        "text_encoder": qwen25(32, (2, 2, 4)),
        "tokenizer": tokenizer(1024, chats=True),
        "text_encoder_2": clip(16, 16),
        "tokenizer_2": tokenizer(77, starts=True),
        "scheduler": _d.FlowMatchEulerDiscreteScheduler(shift=7.0),
    }


def hunyuan_i2v() -> Any:
    """Return a HunyuanVideo whose first latent frame is replaced by that of its picture."""
    return _i2v(image_condition_type="token_replace")


def hunyuan_i2v_33() -> Any:
    """Return a HunyuanVideo that has its picture beside the noise. Its call drops four frames."""
    return _i2v(image_condition_type="latent_concat", in_channels=9, guidance_embeds=False)


def _i2v(**more: Any) -> Any:
    parts = _parts() | {"text_encoder": llava(), "tokenizer": llava_tokenizer()}
    transformer = _transformer("HunyuanVideoTransformer3DModel", **more)
    return _d.HunyuanVideoImageToVideoPipeline(
        **parts, transformer=transformer, image_processor=clip_pictures(48)
    )


def skyreels_v1_i2v() -> Any:
    transformer = _transformer("HunyuanVideoTransformer3DModel", in_channels=8)
    return _d.HunyuanSkyreelsImageToVideoPipeline(**_parts(), transformer=transformer)


def hunyuan15_i2v() -> Any:
    parts = hunyuan15().components
    parts["transformer"] = _transformer15("i2v")
    return _d.HunyuanVideo15ImageToVideoPipeline(
        **parts, image_encoder=siglip_vision(12), feature_extractor=siglip_pictures()
    )


def kandinsky5_i2v() -> Any:
    transformer = _kandinsky5_transformer(visual_cond=True)
    return _d.Kandinsky5I2VPipeline(**_kandinsky_parts(), transformer=transformer)
