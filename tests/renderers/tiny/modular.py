"""Modular pipelines: those that have no ordinary class, and some that have one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import transformers
from diffusers.pipelines.ltx2 import duration_head as _duration_head

from tests.renderers.tiny import cosmos, hunyuan, ltx, wan
from tests.renderers.tiny.text import qwen3, tokenizer
from tests.renderers.tiny.weights import network

_d: Any = diffusers  # untyped in part, as is transformers
_t: Any = transformers
_h: Any = _duration_head


class ModularFolder:
    """A modular pipeline that is saved like an ordinary one."""

    def __init__(self, kind: str, **parts: Any) -> None:
        self._pipe = getattr(_d, kind)()
        self._pipe.update_components(**parts)

    def save_pretrained(self, folder: Path, *, safe_serialization: bool) -> None:
        self._pipe.save_pretrained(
            str(folder), safe_serialization=safe_serialization, overwrite_modular_index=True
        )


def _modular(kind: str, ordinary: Any, **more: Any) -> ModularFolder:
    """Return a modular pipeline of the parts of an ordinary one."""
    parts = {name: part for name, part in ordinary.components.items() if part is not None}
    return ModularFolder(kind, **parts | more)


def wan21_modular() -> ModularFolder:
    return _modular("WanModularPipeline", wan.wan21())


def wan22_modular() -> ModularFolder:
    return _modular("Wan22ModularPipeline", wan.wan22(), boundary_ratio=0.875)


def wan22_vace() -> ModularFolder:
    """Return a Wan 2.2 VACE: one transformer for the noisy steps, another for the others."""
    second = wan.vace_transformer(weights_seed=1)
    return _modular("Wan22VaceModularPipeline", wan.wan_vace(), transformer_2=second, boundary_ratio=0.875)


def wan21_i2v_modular() -> ModularFolder:
    """Return a Wan 2.1 that starts from a picture, which its network sees through a CLIP as well."""
    return ModularFolder(
        "WanImage2VideoModularPipeline",
        **wan.parts(),
        transformer=wan.picture_transformer(image_dim=32),
        image_encoder=_clip(32, layers=2, side=32, patch=8),
        image_processor=_t.CLIPImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
    )


def wan22_i2v_modular() -> ModularFolder:
    return _modular("Wan22Image2VideoModularPipeline", wan.wan_i2v(), boundary_ratio=0.875)


def wan_animate2() -> ModularFolder:
    """Return a Wan Animate 2, which moves a picture as a video does. Its scheduler takes a generator."""
    steps = _d.DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
    )
    return ModularFolder("WanAnimate2ModularPipeline", **_animated_parts(), scheduler=steps)


def wan_animate2_distilled() -> ModularFolder:
    steps = _d.FlowMatchEulerDiscreteScheduler(shift=5.0)
    return ModularFolder("WanAnimate2DistilledModularPipeline", **_animated_parts(), scheduler=steps)


def _animated_parts() -> dict[str, Any]:
    transformer = network(
        _d.WanAnimate2Transformer3DModel,
        text_len=512,
        in_dim=36,
        dim=24,
        ffn_dim=32,
        freq_dim=256,
        text_dim=32,
        out_dim=16,
        num_heads=2,
        num_layers=2,
    )
    encoder = _clip(1280, layers=1, side=224, patch=16)  # a width that the transformer insists on
    parts = wan.parts() | {"transformer": transformer.half(), "image_encoder": encoder.half()}
    del parts["scheduler"]
    return parts


def _clip(width: int, layers: int, side: int, patch: int) -> Any:
    """Return an encoder of pictures of this side in patches."""
    configuration = _t.CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=4,
        image_size=side,
        patch_size=patch,
    )
    return network(_t.CLIPVisionModel, configuration)


def helios_modular() -> ModularFolder:
    return _modular("HeliosModularPipeline", wan.helios())


def helios_pyramid_modular() -> ModularFolder:
    return _modular("HeliosPyramidModularPipeline", wan.helios_pyramid())


def helios_distilled() -> ModularFolder:
    """Return a distilled Helios Pyramid, whose scheduler doubles the steps of the first chunk."""
    steps = _d.HeliosDMDScheduler(use_dynamic_shifting=True, gamma=0.25)
    return _modular("HeliosPyramidDistilledModularPipeline", wan.helios_pyramid(), scheduler=steps)


def ltx_modular() -> ModularFolder:
    return _modular("LTXModularPipeline", ltx.ltx())


def ltx2_modular() -> ModularFolder:
    return ModularFolder("LTX2ModularPipeline", **ltx.sounding_parts(layers=2))


def hunyuan15_modular() -> ModularFolder:
    return _modular("HunyuanVideo15ModularPipeline", hunyuan.hunyuan15())


def ltx25() -> ModularFolder:
    """Return an LTX-2.5, whose decoder of frames denoises too, and attends to windows of three latent pixels."""
    decoder = network(
        _d.LTX2VideoDiffusionDecoderModel,
        latent_channels=4,
        patch_size=16,
        decoder_head_dim=8,
        decoder_stage_channels=(16,) * 4,
        decoder_stage_depths=(1,) * 4,
        decoder_stage_kernels=((1, 3, 3),) * 3,
        decoder_upsample_strides=((2, 2, 2), (2, 1, 1), (2, 1, 1)),
        decoder_upsample_channel_reductions=(1,) * 3,
        decoder_stage5_kernel=(3, 3, 3),
        decoder_t_emb_dim=16,
    )
    head = network(
        _h.LTX2DurationHead,
        video_cross_attention_dim=32,
        audio_cross_attention_dim=32,
        pooler_hidden_dim=16,
        mlp_hidden_dim=16,
    )
    parts = ltx.sounding_parts(layers=2)  # without the one whose attention is perturbed, for speed
    return ModularFolder("LTX25ModularPipeline", **parts, diffusion_decoder=decoder, duration_head=head)


def echo() -> ModularFolder:
    """Return an Echo: the parts of LTX-2, drawn by a list of noise levels instead of a scheduler."""
    parts = ltx.sounding_parts(layers=2)
    del parts["scheduler"]
    return ModularFolder("EchoModularPipeline", **parts)


def cosmos3_modular() -> ModularFolder:
    return ModularFolder("Cosmos3OmniModularPipeline", **cosmos.cosmos3_parts())


def cosmos3_distilled() -> ModularFolder:
    """Return a distilled Cosmos 3, which states its four steps."""
    parts = cosmos.cosmos3_parts() | {"scheduler": _d.FlowMatchEulerDiscreteScheduler()}
    return ModularFolder("Cosmos3DistilledModularPipeline", **parts, distilled_sigmas=[1.0, 0.75, 0.5, 0.25])


def minimax_h3() -> ModularFolder:
    """Return a MiniMax-H3, which reads the text in the middle of more than 50 layers."""
    words = tokenizer(4096, chats=True)
    words.add_special_tokens({"additional_special_tokens": ["<|vision_start|>", "<|vision_end|>"]})
    autoencoder = network(
        _d.AutoencoderKLMiniMaxH3,
        latent_channels=4,
        block_out_channels=(8,) * 6,
        layers_per_block=1,
        norm_num_groups=2,
        decoder_num_layers=1,
        decoder_num_attention_heads=2,
        decoder_attention_head_dim=16,
        latents_mean=(0.0,) * 4,
        latents_std=(1.0,) * 4,
    )
    sound = network(
        _d.AutoencoderKLMiniMaxH3Audio,
        encoder_dim=4,
        encoder_rates=(2, 2),
        latent_dim=8,
        latent_channels=4,
        num_attention_heads=2,
        decoder_dim=8,
        decoder_rates=(2, 2),
        decoder_kernel_sizes=(4, 4),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3),),
        sampling_rate=160,
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
    transformer = network(
        _d.MiniMaxH3Transformer3DModel,
        num_attention_heads=2,
        attention_head_dim=16,
        hidden_size=32,
        num_layers=2,
        num_refiner_layers=1,
        ffn_dim=32,
        in_channels=4,
        audio_in_channels=4,
        text_dim=16,
        freq_dim=16,
        time_embed_hidden_dim=16,
        time_embed_dim=16,
        rope_freq_dim=2,
    )
    return ModularFolder(
        "MiniMaxH3ModularPipeline",
        text_encoder=qwen3(),
        tokenizer=words,
        vae=autoencoder,
        audio_vae=sound,
        scheduler=_d.MiniMaxH3Scheduler(shift=12.0),
        audio_scheduler=_d.MiniMaxH3Scheduler(shift=3.0),
        transformer=transformer,
    )
