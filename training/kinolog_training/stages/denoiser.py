"""Stage `denoiser`: flow matching on scene states, from captions, with some captions dropped for guidance."""

import torch
from torch import Tensor

from kinolog_training.captions.caption_bank import CaptionBank
from kinolog_training.networks.denoiser import (
    build_denoiser,
    draw_times,
    noisy,
    predict,
    prepare_for_training,
    time_weights,
)
from kinolog_training.networks.text_encoder import encode
from kinolog_training.scenes.latents import channel_weights, gathered
from kinolog_training.scenes.scenes import draw_scene
from kinolog_training.stages.learner import Learner
from kinolog_training.stages.run import TrainingRun
from kinolog_training.stages.text import TextReader, with_empty_captions

# Clip lengths in frames and how often each is drawn; the batch shrinks so that the tokens stay about the same.
LENGTHS: tuple[tuple[int, float], ...] = (
    (17, 0.5), (33, 0.2), (25, 0.07), (9, 0.07), (29, 0.03), (21, 0.03), (13, 0.03), (5, 0.03), (3, 0.02), (1, 0.02),
)  # fmt: skip
DROPPED = 0.1
CLIPS_A_CAPTION = 4


def draw_length(generator: torch.Generator) -> int:
    """Return a random clip length in frames, from a generator on the CPU."""
    chances = torch.tensor([chance for _, chance in LENGTHS])
    return LENGTHS[int(torch.multinomial(chances, 1, generator=generator))][0]


def dropped(ids: Tensor, packed: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Drop some captions for guidance. Their scenes keep the number of objects and leave everything else open."""
    emptied, _ = with_empty_captions(ids, packed, DROPPED, generator)
    is_dropped = (emptied != ids).any(1, keepdim=True)
    open_spec = torch.where(packed == -2, -2, -1).to(packed.dtype)
    open_spec[:, 1] = packed[:, 1]
    return emptied, torch.where(is_dropped, open_spec, packed)


def losses(prediction: Tensor, states: Tensor, times: Tensor, weights: Tensor) -> Tensor:
    """Return the mean squared error, weighted by channel [48] and by time [batch]."""
    error = (prediction - states).square().mean(2)
    return (error * weights * time_weights(times)[:, None]).mean()


def load_text_reader(run: TrainingRun) -> TextReader:
    """Load the averaged weights of stage `text`, frozen."""
    reader = TextReader()
    checkpoint = torch.load(run.folder / "text.pt", map_location="cpu", weights_only=True)
    reader.load_state_dict(checkpoint["average"])
    return reader.to(run.device).requires_grad_(False).eval()


def train_denoiser(
    run: TrainingRun, bank: CaptionBank, batch: int, seed: int, compiled: bool = False
) -> None:
    """Train until the run is over. `batch` counts clips of 17 frames."""
    torch.manual_seed(seed)
    encoder = load_text_reader(run).encoder
    network = build_denoiser().to(run.device)
    prepare_for_training(network)
    learner = Learner(network, 0.01, 2e-3, not_matrices=("scale_shift_table",))
    run.resume(learner)
    forward = torch.compile(network, dynamic=False) if compiled else network
    bank = bank.to(run.device)
    generator = torch.Generator(run.device).manual_seed(seed + learner.steps)
    lengths = torch.Generator().manual_seed(seed + learner.steps)
    weights = channel_weights().to(run.device)
    more = True
    while more:
        frames = draw_length(lengths)
        captions = max(1, batch * 9 // (frames // 2 + 1) // CLIPS_A_CAPTION)
        ids, packed = dropped(*bank.draw(captions, generator), generator)
        with torch.no_grad():
            hidden = encode(encoder, ids)
            states = gathered(draw_scene(packed.repeat_interleave(CLIPS_A_CAPTION, 0), frames, generator))
            times = draw_times(len(states), generator, run.device)
            blurred = noisy(states, times, generator)
        with torch.autocast(run.device, torch.bfloat16, enabled=run.bf16):
            prediction = predict(forward, blurred, times, hidden)
        loss = losses(prediction.float(), states, times, weights)
        learner.learn(loss, run.pace(learner), len(states))
        more = run.tick(learner, {"loss": loss.detach(), "pace": run.pace(learner)})
    run.save(learner)
