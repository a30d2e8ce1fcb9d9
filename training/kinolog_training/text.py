"""The text side: a word-level tokenizer whose prefix tokens gather attributes, a small UMT5, and its first training.

Each prompt is tokenised as `[ground] [look1] [move1] [look2] [move2] word word ...`. The encoder is first taught to
predict the caption's attributes from those five tokens, so the denoiser finds them already sorted out.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Final

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from kinolog_training import vocabulary as words

LENGTH: Final = 40  # tokens; the pipeline must be called with this max_sequence_length
TEXT_DIM: Final = 64
PREFIX: Final = ("[ground]", "[look1]", "[move1]", "[look2]", "[move2]")
_SPLIT = re.compile(r"\w+|[^\w\s]")


def vocabulary() -> list[str]:
    """Every word that the captions can contain, sorted, after the special tokens."""
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
    """A tokenizer that survives save and load: NFKC, lower case, words and punctuation, prefix tokens first."""
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
    """A two-layer UMT5 of width 64, about 0.2 million parameters."""
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
class Answer:
    """One thing to read from a prefix token: a column of the packed brief and its number of classes."""

    token: int
    column: int
    classes: int


def _answers() -> tuple[Answer, ...]:
    """What each prefix token must tell. Classes are the value plus two: 0 no object, 1 unsaid."""
    looks = (len(words.SHAPE_NAMES), len(words.COLOUR_NAMES), len(words.SIZE_NAMES))
    moves = (len(words.MOTIONS), len(words.SPEED_NAMES))
    result = [Answer(0, 0, len(words.COLOUR_NAMES) + 2), Answer(0, 1, 5)]
    for slot in range(2):
        first = 2 + 5 * slot
        result += [Answer(1 + 2 * slot, first + at, size + 2) for at, size in enumerate(looks)]
        result += [Answer(2 + 2 * slot, first + 3 + at, size + 2) for at, size in enumerate(moves)]
    return tuple(result)


ANSWERS: Final = _answers()


class AttributeHeads(nn.Module):
    """Linear readers of the prefix tokens; used in training only, and not exported."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(TEXT_DIM, answer.classes) for answer in ANSWERS])

    def forward(self, hidden: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross entropy, and which answers are right [batch, answers]. hidden is [batch, LENGTH, 64]."""
        losses, right = [], []
        for head, answer in zip(self.heads, ANSWERS, strict=True):
            logits = head(hidden[:, answer.token])
            truth = packed[:, answer.column].long() + 2
            losses.append(nn.functional.cross_entropy(logits, truth))
            right.append(logits.argmax(1) == truth)
        return torch.stack(losses).mean(), torch.stack(right, 1)


def encode(encoder: UMT5EncoderModel, ids: Tensor) -> Tensor:
    """Hidden states exactly as WanPipeline makes them: padding is masked, then zero. [batch, LENGTH, 64]."""
    mask = ids != 0
    hidden = encoder(ids.long(), attention_mask=mask.long()).last_hidden_state
    return torch.where(mask[..., None], hidden, torch.zeros_like(hidden))
