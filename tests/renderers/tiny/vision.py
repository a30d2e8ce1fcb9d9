"""Encoders of pictures, with what brings a picture into their size."""

from __future__ import annotations

from typing import Any

import transformers

from tests.renderers.tiny.text import tokenizer
from tests.renderers.tiny.weights import network

_t: Any = transformers  # untyped in part


def _clip_configuration(width: int, side: int, patch: int, projection: int) -> Any:
    return _t.CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=37,
        projection_dim=projection,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=side,
        patch_size=patch,
    )


def clip_vision(width: int, side: int = 32, patch: int = 16) -> Any:
    """Return an encoder of CLIP for pictures."""
    return network(_t.CLIPVisionModel, _clip_configuration(width, side, patch, width))


def clip_vision_with_projection(width: int, projection: int, side: int = 32, patch: int = 16) -> Any:
    """Return an encoder of CLIP for pictures that projects its pooled output."""
    configuration = _clip_configuration(width, side, patch, projection)
    return network(_t.CLIPVisionModelWithProjection, configuration)


def clip_pictures(side: int = 32) -> Any:
    """Return what makes pictures of that size for CLIP."""
    size = {"height": side, "width": side}
    return _t.CLIPImageProcessor(crop_size=size, size={"shortest_edge": side})


def siglip_vision(width: int, side: int = 30, patch: int = 15) -> Any:
    """Return an encoder of Siglip for pictures."""
    configuration = _t.SiglipVisionConfig(
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=side,
        patch_size=patch,
    )
    return network(_t.SiglipVisionModel, configuration)


def siglip_pictures(side: int = 30) -> Any:
    """Return what makes pictures of that size for Siglip."""
    return _t.SiglipImageProcessor(size={"height": side, "width": side})


def llava() -> Any:
    """Return a decoder of Llava, which HunyuanVideo reads text and picture with: a picture is 576 of its tokens."""
    text = _t.LlamaConfig(
        bos_token_id=3,
        eos_token_id=1,
        pad_token_id=0,
        hidden_size=16,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=3,
        vocab_size=1000,
        max_position_embeddings=2048,
        hidden_act="gelu",
    )
    configuration = _t.LlavaConfig(
        vision_config=_clip_configuration(16, 48, 2, 16),
        text_config=text,
        pad_token_id=0,
        image_token_index=_IMAGE_TOKEN,
    )
    return network(_t.LlavaForConditionalGeneration, configuration)


_IMAGE_TOKEN = 900


def llava_tokenizer() -> Any:
    """Return a tokenizer that knows where in a text its picture is, and where the messages of a chat begin."""
    built = tokenizer(256, starts=True)
    headers = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    built.add_special_tokens({"additional_special_tokens": headers})
    built.add_tokens([f"<unused{number}>" for number in range(_IMAGE_TOKEN - len(built))])
    built.add_special_tokens({"additional_special_tokens": [*headers, "<image>"]})
    return built
