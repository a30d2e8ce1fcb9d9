"""A WanPipeline with random weights, of the size of kinolog-tiny: about two million parameters, from a fixed seed.

The autoencoder compresses 8x in space and 2x in time, the denoiser is a transformer of five layers, and the text
encoder a UMT5 of two. The same code on the same libraries writes the same bytes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

_d: Any = diffusers  # both libraries are untyped in part
_t: Any = transformers

_PAD, _END, _UNKNOWN = "<pad>", "</s>", "<unk>"
_SEED = 20_260_601
_LATENT_CHANNELS = 12
_PATCH = 4
_TEXT_WIDTH = 64
_TEXT_TOKENS = 32
_WORDS = (
    "a an the and of on over in to with left right up down moving rolling bouncing spinning growing shrinking still "
    "red green blue yellow orange purple pink cyan white black gray brown big small large tiny one two three "
    "circle ball square triangle star ring cross heart diamond background sky sea grass cat dog man woman"
)


def build_pipeline(folder: Path) -> None:
    """Write the model into `folder`, in the layout of `save_pretrained`, readable by all users."""
    _t.utils.logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        tokenizer, text_encoder = build_text_side()
        pipe = _d.WanPipeline(
            tokenizer=tokenizer,
            text_encoder=text_encoder,
            vae=_autoencoder(),
            scheduler=_d.FlowMatchEulerDiscreteScheduler(shift=3.0),
            transformer=_denoiser(),
        )
    pipe.save_pretrained(folder, safe_serialization=True)
    os.chmod(folder, 0o755)  # noqa: S103 - a model is no secret
    for path in folder.rglob("*"):
        path.chmod(
            0o755 if path.is_dir() else 0o644
        )  # save_pretrained makes some files readable by the owner only


def build_text_side() -> tuple[Any, Any]:
    """Return the tokenizer and its text encoder."""
    return _tokenizer(), _text_encoder()


def _autoencoder() -> Any:
    vae = _d.AutoencoderKLWan(
        base_dim=24,
        z_dim=_LATENT_CHANNELS,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[True],
        latents_mean=[0.0] * _LATENT_CHANNELS,
        latents_std=[1.0] * _LATENT_CHANNELS,
        in_channels=3 * _PATCH**2,
        out_channels=3 * _PATCH**2,
        patch_size=_PATCH,
        scale_factor_temporal=2,
        scale_factor_spatial=8,
    )
    return vae.eval()


def _denoiser() -> Any:
    network = _d.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=4,
        attention_head_dim=32,
        in_channels=_LATENT_CHANNELS,
        out_channels=_LATENT_CHANNELS,
        text_dim=_TEXT_WIDTH,
        freq_dim=64,
        ffn_dim=512,
        num_layers=5,
        rope_max_seq_len=64,
    )
    return network.eval()


def _tokenizer() -> Any:
    """Return a tokenizer of words and punctuation, NFKC, lower case, with one token for unknown words."""
    words = [_PAD, _END, _UNKNOWN, *sorted(set(_WORDS.split()))]
    ids = {word: number for number, word in enumerate(words)}
    core = Tokenizer(models.WordLevel(ids, unk_token=_UNKNOWN))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(
        single=f"$A {_END}", special_tokens=[(_END, ids[_END])]
    )
    return _t.PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=_PAD,
        eos_token=_END,
        unk_token=_UNKNOWN,
        model_max_length=_TEXT_TOKENS,
    )


def _text_encoder() -> Any:
    config = _t.UMT5Config(
        vocab_size=3 + len(set(_WORDS.split())),
        d_model=_TEXT_WIDTH,
        d_kv=16,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        is_encoder_decoder=False,
        use_cache=False,
    )
    encoder = _t.UMT5EncoderModel(config)
    return encoder.eval()
