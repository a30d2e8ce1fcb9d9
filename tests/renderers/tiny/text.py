"""Tokenizers and text encoders with a vocabulary of a few dozen words."""

from __future__ import annotations

from typing import Any

import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.renderers.tiny.weights import network

_t: Any = transformers  # untyped in part
_SPECIAL = ("<pad>", "</s>", "<unk>", "<s>", "<|image_pad|>", "<|video_pad|>")
_WORDS = (
    "a an the red green blue ball cat dog moving left right up down on sea sky grass describe video by detailing main "
    "content theme color shape size of objects actions events background light style camera user assistant system "
    "im_start im_end user_prompt"
)
VOCABULARY = 64
"""Size of the embeddings of a text encoder: a little more than the tokenizer has words."""

_CHAT_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }} {% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{{ c.get('text', '') }}{% endfor %}{% endif %} {% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}"
)


def tokenizer(
    longest: int | None = None, *, starts: bool = False, chats: bool = False, pads_left: bool = False
) -> Any:
    """Return a tokenizer of words.

    `longest` is the number of tokens that it states as its maximum. With `starts` a text begins with a token of its
    own, with `chats` the tokenizer has a chat template and tokens for pictures. With `pads_left` it states that the
    padding is before the text, as that of Gemma does.
    """
    words = [*_SPECIAL, *sorted(set(_WORDS.split()))]
    ids = {word: number for number, word in enumerate(words)}
    core = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if starts else "$A </s>", special_tokens=[("</s>", 1), ("<s>", 3)]
    )
    stated = {} if longest is None else {"model_max_length": longest}
    built = _t.PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        bos_token="<s>",
        padding_side="left" if pads_left else "right",
        **stated,
    )
    if chats:
        built.add_special_tokens({"additional_special_tokens": ["<|image_pad|>", "<|video_pad|>"]})
        built.chat_template = _CHAT_TEMPLATE
    return built


def t5(width: int = 32, vocabulary: int = VOCABULARY) -> Any:
    """Return an encoder of T5."""
    return network(_t.T5EncoderModel, _t.T5Config(**_t5_configuration(width, vocabulary)))


def umt5(width: int = 32) -> Any:
    """Return an encoder of UMT5, which the Wan families have."""
    return network(_t.UMT5EncoderModel, _t.UMT5Config(**_t5_configuration(width, VOCABULARY)))


def _t5_configuration(width: int, vocabulary: int) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "d_model": width,
        "d_kv": 8,
        "d_ff": 37,
        "num_layers": 2,
        "num_heads": 4,
        "dropout_rate": 0.0,
    }


def clip(width: int = 8, projection: int = 32) -> Any:
    """Return a text encoder of CLIP."""
    return network(_t.CLIPTextModel, _clip_configuration(width, projection))


def clip_with_projection(width: int, projection: int) -> Any:
    """Return a text encoder of CLIP that projects its pooled output, the second of SDXL."""
    return network(_t.CLIPTextModelWithProjection, _clip_configuration(width, projection))


def _clip_configuration(width: int, projection: int) -> Any:
    return _t.CLIPTextConfig(
        bos_token_id=3,
        eos_token_id=1,
        pad_token_id=0,
        hidden_size=width,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        vocab_size=1000,
        hidden_act="gelu",
        projection_dim=projection,
    )


def llama() -> Any:
    """Return a decoder of Llama, whose hidden states HunyuanVideo uses."""
    configuration = _t.LlamaConfig(
        bos_token_id=3,
        eos_token_id=1,
        pad_token_id=0,
        hidden_size=16,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=3,
        vocab_size=1000,
        hidden_act="gelu",
    )
    return network(_t.LlamaModel, configuration)


def gemma2() -> Any:
    """Return a decoder of Gemma 2, whose hidden states Sana-Video uses."""
    configuration = _t.Gemma2Config(
        head_dim=16,
        hidden_size=8,
        intermediate_size=64,
        num_attention_heads=2,
        num_hidden_layers=1,
        num_key_value_heads=2,
        vocab_size=VOCABULARY,
        attn_implementation="eager",
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=3,
    )
    return network(_t.Gemma2Model, configuration)


def gemma3() -> Any:
    """Return a Gemma 3 for text and pictures, whose hidden states LTX-2 uses."""
    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 3,
        "sliding_window": 512,
    }
    pictures = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    configuration = _t.Gemma3Config(
        text_config=text,
        vision_config=pictures,
        mm_tokens_per_image=4,
        image_token_index=60,
        boi_token_index=61,
        eoi_token_index=62,
    )
    return network(_t.Gemma3ForConditionalGeneration, configuration)


def t5gemma2() -> Any:
    """Return an encoder of T5Gemma 2, which Motif has."""
    configuration = _t.T5Gemma2EncoderConfig(
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
        text_config=_t.T5Gemma2TextConfig(
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            vocab_size=200,
            max_position_embeddings=512,
            head_dim=16,
            num_key_value_heads=2,
            dropout_rate=0.0,
        ),
    )
    return network(_t.T5Gemma2Encoder, configuration)


def qwen25_text() -> Any:
    """Return the text half of Qwen 2.5 VL, which HunyuanVideo 1.5 uses."""
    return network(_t.Qwen2_5_VLTextModel, _t.Qwen2_5_VLTextConfig(**_qwen_text(16, (1, 1, 2), 4)))


def qwen25(width: int, sections: tuple[int, int, int]) -> Any:
    """Return a Qwen 2.5 VL. `sections` are the parts of a rotary embedding; they add up to a quarter of a head."""
    configuration = _t.Qwen2_5_VLConfig(
        text_config=_qwen_text(width, sections, 2),
        vision_config={
            "depth": 2,
            "hidden_size": width,
            "intermediate_size": width,
            "num_heads": 2,
            "out_hidden_size": width,
        },
        **_QWEN_PICTURE_TOKENS,
    )
    return network(_t.Qwen2_5_VLForConditionalGeneration, configuration)


def qwen2() -> Any:
    """Return a Qwen 2 VL, which EasyAnimate has."""
    configuration = _t.Qwen2VLConfig(
        text_config=_qwen_text(16, (1, 1, 2), 2),
        vision_config={"depth": 2, "embed_dim": 16, "hidden_size": 16, "num_heads": 2},
        **_QWEN_PICTURE_TOKENS,
    )
    return network(_t.Qwen2VLForConditionalGeneration, configuration)


def qwen3() -> Any:
    """Return a Qwen 3 VL of 52 small layers: MiniMax-H3 reads what the 50th makes of a text."""
    configuration = _t.Qwen3VLConfig(
        text_config={
            "vocab_size": VOCABULARY,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 52,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "rope_scaling": {"mrope_section": [2, 1, 1], "rope_type": "default"},
            "rope_theta": 1e4,
            "pad_token_id": 0,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "deepstack_visual_indexes": [0],
        },
    )
    return network(_t.Qwen3VLForConditionalGeneration, configuration)


_QWEN_PICTURE_TOKENS = {
    "vision_end_token_id": 151,
    "vision_start_token_id": 152,
    "vision_token_id": 154,
    "image_token_id": 155,
    "video_token_id": 156,
}


def _qwen_text(width: int, sections: tuple[int, int, int], layers: int) -> dict[str, Any]:
    return {
        "vocab_size": 200,
        "hidden_size": width,
        "intermediate_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_scaling": {"mrope_section": list(sections), "rope_type": "default", "type": "default"},
        "rope_theta": 1e6,
        "bos_token_id": 3,
        "eos_token_id": 1,
    }
