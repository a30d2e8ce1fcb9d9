"""A bank of tokenised captions with their packed briefs, made once and kept beside the checkpoints."""

import itertools
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinolog_training.captions import captioned
from kinolog_training.scenes import pack
from kinolog_training.text import LENGTH, build_tokenizer, vocabulary


@dataclass(frozen=True)
class Bank:
    """Token ids [captions, LENGTH] and packed briefs [captions, 12]."""

    ids: Tensor
    packed: Tensor

    def to(self, device: str) -> "Bank":
        return Bank(self.ids.to(device), self.packed.to(device))

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw rows at random, with replacement."""
        rows = torch.randint(len(self.ids), (count,), generator=generator, device=self.ids.device)
        return self.ids[rows], self.packed[rows]


def make_bank(count: int, seed: int, *, held: bool = False, doubles: float = 0.3) -> Bank:
    """Write `count` captions from a seed."""
    tokenizer = build_tokenizer()
    pairs = list(itertools.islice(captioned(seed, held=held, doubles=doubles), count))
    ids: list[list[int]] = []
    for start in range(0, count, 4096):
        texts = [text for _, text in pairs[start : start + 4096]]
        ids += tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH)["input_ids"]
    return Bank(torch.tensor(ids, dtype=torch.int16), pack([brief for brief, _ in pairs]))


def stored_bank(folder: Path, count: int, seed: int) -> Bank:
    """The bank kept in `folder`, made now if there is none of that size, seed and vocabulary."""
    words = zlib.crc32(" ".join(vocabulary()).encode())
    path = folder / f"captions-{count}-{seed}-{words:08x}.safetensors"
    if not path.exists():
        bank = make_bank(count, seed)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"ids": bank.ids, "packed": bank.packed}, path)
    parts = load_file(path)
    return Bank(parts["ids"], parts["packed"])
