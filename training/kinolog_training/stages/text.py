"""Stage `text`: the encoder learns to assign a caption's words to the attributes of its objects."""

import torch
from torch import Tensor, nn

from kinolog_training.captions.caption_bank import CaptionBank
from kinolog_training.networks.text_encoder import PREFIX, QUESTIONS, AttributeHeads, build_encoder, encode
from kinolog_training.stages.learner import Learner
from kinolog_training.stages.run import TrainingRun


class TextReader(nn.Module):
    """The encoder and the heads that predict attributes from it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = build_encoder()
        self.heads = AttributeHeads()

    def forward(self, ids: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
        loss, right = self.heads(encode(self.encoder, ids), packed)
        return loss, right


def with_empty_captions(
    ids: Tensor, packed: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Replace a share of captions by the empty one: one object with unspecified attributes."""
    rows = torch.rand(len(ids), generator=generator, device=ids.device) < share
    ids, packed = ids.clone(), packed.clone()
    ids[:, len(PREFIX) :] = torch.where(rows[:, None], 0, ids[:, len(PREFIX) :])
    nothing = torch.tensor(
        [-1, 1, -1, -1, -1, -1, -1, -2, -2, -2, -2, -2], device=ids.device, dtype=packed.dtype
    )
    return ids, torch.where(rows[:, None], nothing, packed)


def train_text(run: TrainingRun, bank: CaptionBank, batch: int, seed: int) -> None:
    """Train until the run is over."""
    torch.manual_seed(seed)
    reader = TextReader().to(run.device)
    learner = Learner(
        reader, 0.01, 2e-3, not_matrices=("shared", "embed_tokens", "relative_attention_bias", "heads")
    )
    run.resume(learner)
    bank = bank.to(run.device)
    generator = torch.Generator(run.device).manual_seed(seed + learner.steps)
    more = True
    while more:
        ids, packed = with_empty_captions(*bank.draw(batch, generator), 0.03, generator)
        loss, right = reader(ids, packed)
        learner.learn(loss, run.pace(learner), batch)
        figures = {"loss": loss.detach(), "all": right.all(1).float().mean()}
        more = run.tick(learner, figures, every_seconds=10)
    run.save(learner)


@torch.no_grad()
def accuracy(reader: TextReader, bank: CaptionBank) -> dict[str, float]:
    """Return the share of captions of which everything, and each attribute, is predicted correctly."""
    _, right = reader(bank.ids, bank.packed)
    names = ("ground", "count", "shape1", "colour1", "size1", "motion1", "speed1",
             "shape2", "colour2", "size2", "motion2", "speed2")  # fmt: skip
    assert len(names) == len(QUESTIONS)  # noqa: S101 - the tables above are written by hand
    each = {name: value.item() for name, value in zip(names, right.float().mean(0), strict=True)}
    return {"everything": right.all(1).float().mean().item(), **each}
