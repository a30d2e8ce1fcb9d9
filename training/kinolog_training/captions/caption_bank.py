"""A bank of tokenised captions with their packed specs, made once and stored beside the checkpoints."""

import itertools
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinolog_training.captions.captions import caption_stream
from kinolog_training.networks.text_encoder import LENGTH, build_tokenizer, vocabulary
from kinolog_training.scenes.scenes import pack


@dataclass(frozen=True)
class CaptionBank:
    """Token ids [captions, LENGTH] and packed specs [captions, 12]."""

    ids: Tensor
    packed: Tensor

    def to(self, device: str) -> "CaptionBank":
        return CaptionBank(self.ids.to(device), self.packed.to(device))

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return random rows, drawn with replacement."""
        rows = torch.randint(len(self.ids), (count,), generator=generator, device=self.ids.device)
        return self.ids[rows], self.packed[rows]


def make_caption_bank(count: int, seed: int, *, held: bool = False, doubles: float = 0.3) -> CaptionBank:
    """Return a bank of `count` captions from a seed."""
    tokenizer = build_tokenizer()
    pairs = list(itertools.islice(caption_stream(seed, held=held, doubles=doubles), count))
    ids: list[list[int]] = []
    for start in range(0, count, 4096):
        texts = [text for _, text in pairs[start : start + 4096]]
        ids += tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH)["input_ids"]
    return CaptionBank(torch.tensor(ids, dtype=torch.int16), pack([spec for spec, _ in pairs]))


def load_caption_bank(folder: Path, count: int, seed: int) -> CaptionBank:
    """Load the bank from `folder`; make it first if there is none of that size, seed and vocabulary."""
    words = zlib.crc32(" ".join(vocabulary()).encode())
    path = folder / f"captions-{count}-{seed}-{words:08x}.safetensors"
    if not path.exists():
        bank = make_caption_bank(count, seed)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"ids": bank.ids, "packed": bank.packed}, path)
    tensors = load_file(path)
    return CaptionBank(tensors["ids"], tensors["packed"])
