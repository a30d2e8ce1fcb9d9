"""The text encoder: a word-level tokenizer with prefix tokens for attributes, a small UMT5, and its training heads.

Each prompt is tokenised as `[ground] [look1] [move1] [look2] [move2] word word ...`. The encoder is first taught to
predict the caption's attributes from those five tokens, so that the denoiser finds them separated.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Final

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from kinolog_training.captions import vocabulary as words

LENGTH: Final = 40  # tokens; the pipeline must be called with this max_sequence_length
TEXT_DIM: Final = 64
PREFIX: Final = ("[ground]", "[look1]", "[move1]", "[look2]", "[move2]")
_SPLIT = re.compile(r"\w+|[^\w\s]")


def vocabulary() -> list[str]:
    """Return the special tokens and then every word that captions can contain, sorted."""
    phrases: list[str] = [*words.FILLERS, *words.GROUNDS, *words.SHADES, *words.SHAPE_NAMES]
    for table in (words.SHAPES, words.COLOURS, words.SCENERY, words.SIZES, words.SPEEDS, words.WHERE):
        phrases += itertools.chain.from_iterable(table.values())
    for nouns in words.SHAPES.values():
        phrases += [words.plural(noun) for noun in nouns]
    for pair in itertools.chain(words.GOING, *words.DOING.values()):
        phrases += pair
    phrases += [
        "a an the is are two 2 pair of shape shapes it on over against in front across above background , . -"
    ]
    found = {word for phrase in phrases for word in _SPLIT.findall(phrase.lower())}
    return ["[PAD]", "[UNK]", *PREFIX, *sorted(found)]


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that can be saved and loaded: NFKC, lower case, words and punctuation, prefix tokens first."""
    ids = {word: index for index, word in enumerate(vocabulary())}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))  # noqa: S106 - a word, no password
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(PREFIX) + " $A", special_tokens=[(token, ids[token]) for token in PREFIX]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=tokenizer,
        unk_token="[UNK]",  # noqa: S106 - a word, no password
        pad_token="[PAD]",  # noqa: S106 - a word, no password
        model_max_length=LENGTH,
        additional_special_tokens=list(PREFIX),
    )


def build_encoder() -> UMT5EncoderModel:
    """Return a three-layer UMT5 of width 64, about 0.2 million parameters."""
    config = UMT5Config(
        vocab_size=len(vocabulary()),
        d_model=TEXT_DIM,
        d_kv=16,
        d_ff=160,
        num_layers=3,
        num_heads=4,
        relative_attention_num_buckets=24,
        relative_attention_max_distance=32,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        pad_token_id=0,
        is_encoder_decoder=False,
        use_cache=False,
    )
    return UMT5EncoderModel(config)


@dataclass(frozen=True)
class AttributeQuestion:
    """What a prefix token must encode: a column of the packed spec, and its number of classes."""

    token: int
    column: int
    classes: int


def _questions() -> tuple[AttributeQuestion, ...]:
    """Return the attributes of each prefix token. A class is the value plus two: 0 no object, 1 unspecified."""
    looks = (len(words.SHAPE_NAMES), len(words.COLOUR_NAMES), len(words.SIZE_NAMES))
    moves = (len(words.MOTIONS), len(words.SPEED_NAMES))
    result = [AttributeQuestion(0, 0, len(words.COLOUR_NAMES) + 2), AttributeQuestion(0, 1, 5)]
    for slot in range(2):
        first = 2 + 5 * slot
        result += [AttributeQuestion(1 + 2 * slot, first + at, size + 2) for at, size in enumerate(looks)]
        result += [AttributeQuestion(2 + 2 * slot, first + 3 + at, size + 2) for at, size in enumerate(moves)]
    return tuple(result)


QUESTIONS: Final = _questions()


class AttributeHeads(nn.Module):
    """Linear heads on the prefix tokens; used in training only, and not exported."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(TEXT_DIM, question.classes) for question in QUESTIONS])

    def forward(self, hidden: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean cross entropy and which answers are right [batch, answers]. hidden is [batch, LENGTH, 64]."""
        losses, right = [], []
        for head, question in zip(self.heads, QUESTIONS, strict=True):
            logits = head(hidden[:, question.token])
            truth = packed[:, question.column].long() + 2
            losses.append(nn.functional.cross_entropy(logits, truth))
            right.append(logits.argmax(1) == truth)
        return torch.stack(losses).mean(), torch.stack(right, 1)


def encode(encoder: UMT5EncoderModel, ids: Tensor) -> Tensor:
    """Return hidden states [batch, LENGTH, 64] exactly as WanPipeline computes them: padding is masked, then zero."""
    mask = ids != 0
    hidden = encoder(ids.long(), attention_mask=mask.long()).last_hidden_state
    return torch.where(mask[..., None], hidden, torch.zeros_like(hidden))
