"""Cosmos. Its pipelines make a guardrail of `cosmos_guardrail` as they load; the folders hold none."""

from __future__ import annotations

from typing import Any

import diffusers

from tests.renderers.tiny.text import qwen25, t5, tokenizer
from tests.renderers.tiny.wan import scheduler, wan_autoencoder
from tests.renderers.tiny.weights import network

_d: Any = diffusers  # untyped in part


class _Unguarded:
    """Stands for the guardrail while a pipeline is built; it is not saved."""


def _transformer(channels: int, latent_channels: int, **more: Any) -> Any:
    return network(
        _d.CosmosTransformer3DModel,
        in_channels=channels,
        out_channels=latent_channels,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        mlp_ratio=2,
        text_embed_dim=32,
        adaln_lora_dim=4,
        max_size=(4, 32, 32),
        patch_size=(1, 2, 2),
        rope_scale=(2.0, 1.0, 1.0),
        concat_padding_mask=True,
        extra_pos_embed_type="learnable",
        **more,
    )


def _pipeline(kind: str, **parts: Any) -> Any:
    pipe = getattr(_d, kind)(**parts, safety_checker=_Unguarded())
    pipe.register_modules(safety_checker=None)
    return pipe


def cosmos1() -> Any:
    autoencoder = network(
        _d.AutoencoderKLCosmos,
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        encoder_block_out_channels=(8, 8, 8, 8),
        decode_block_out_channels=(8, 8, 8, 8),
        attention_resolutions=(8,),
        resolution=64,
        num_layers=2,
        patch_size=4,
        patch_type="haar",
        scaling_factor=1.0,
        spatial_compression_ratio=4,
        temporal_compression_ratio=4,
    )
    steps = _d.EDMEulerScheduler(
        sigma_min=0.002,
        sigma_max=80,
        sigma_data=0.5,
        sigma_schedule="karras",
        num_train_timesteps=1000,
        prediction_type="epsilon",
        rho=7.0,
        final_sigmas_type="sigma_min",
    )
    return _pipeline(
        "CosmosTextToWorldPipeline",
        transformer=_transformer(4, 4),
        vae=autoencoder,
        scheduler=steps,
        text_encoder=t5(),
        tokenizer=tokenizer(512),
    )


def cosmos2_v2w() -> Any:
    return _pipeline(
        "Cosmos2VideoToWorldPipeline",
        transformer=_transformer(17, 16),
        vae=wan_autoencoder(),
        scheduler=_d.FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True),
        text_encoder=t5(),
        tokenizer=tokenizer(512),
    )


def cosmos25() -> Any:
    """Return a Cosmos Predict 2.5, which joins the hidden states of all layers of its text encoder."""
    return _pipeline(
        "Cosmos2_5_PredictBasePipeline",
        transformer=_transformer(17, 16),
        vae=wan_autoencoder(),
        scheduler=_d.UniPCMultistepScheduler(),
        text_encoder=qwen25(16, (1, 1, 2)),
        tokenizer=tokenizer(512, chats=True),
    )


def cosmos25_transfer() -> Any:
    """Return a Cosmos Transfer 2.5, whose ControlNet reads an encoded control video."""
    controlnet = network(
        _d.CosmosControlNetModel,
        n_controlnet_blocks=2,
        in_channels=18,
        latent_channels=18,
        model_channels=32,
        num_attention_heads=2,
        attention_head_dim=16,
        mlp_ratio=2.0,
        text_embed_dim=32,
        adaln_lora_dim=4,
        max_size=(4, 32, 32),
    )
    parts = cosmos25().components | {
        "transformer": _transformer(17, 16, controlnet_block_every_n=1),
        "controlnet": controlnet,
    }
    del parts["safety_checker"]
    return _pipeline("Cosmos2_5_TransferPipeline", **parts)


def cosmos3() -> Any:
    return _pipeline("Cosmos3OmniPipeline", **cosmos3_parts())


def cosmos3_parts() -> dict[str, Any]:
    """Return the parts of a Cosmos 3, whose network reads the text itself."""
    text_tokenizer = tokenizer(4096, chats=True)
    text_tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>"]}
    )
    transformer = network(
        _d.Cosmos3OmniTransformer,
        head_dim=16,
        hidden_size=32,
        intermediate_size=32,
        latent_channel=16,
        latent_patch_size=2,
        patch_latent_dim=64,
        num_attention_heads=2,
        num_hidden_layers=2,
        num_key_value_heads=2,
        rope_axes_dim=(4, 2, 2),
        vocab_size=128,
    )
    return {
        "transformer": transformer,
        "text_tokenizer": text_tokenizer,
        "vae": wan_autoencoder(),
        "scheduler": scheduler(),
    }


def cosmos1_v2w() -> Any:
    parts = cosmos1().components | {"transformer": _transformer(5, 4)}
    del parts["safety_checker"]
    return _pipeline("CosmosVideoToWorldPipeline", **parts)
