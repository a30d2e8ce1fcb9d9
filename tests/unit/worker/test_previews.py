"""Previews by a fitted map: where latents lie, what they will be, and what is kept of the clips that were fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.diffusers.previews.arrangement import find_arrangement
from kinolog_worker.renderers.diffusers.previews.clean_estimate import CleanEstimate
from kinolog_worker.renderers.diffusers.previews.fit_file import fit_file
from kinolog_worker.renderers.diffusers.previews.fitted_previews import FittedPreviews
from PIL import Image

from tests.builders.drawn_frames import SMALL_SCENE

_library: Any = diffusers
CLIP = torch.randn(6, 3, 8, 4, generator=torch.Generator().manual_seed(3))
"""Latents of channels, frames, height and width."""
REQUEST = replace(SMALL_SCENE, width=32, height=64, frames=3)
CANVAS = Canvas(width=32, height=64, frames=3, scale=1, repeat=1)


def _tokens(clip: torch.Tensor, side: int, axes: tuple[int, ...]) -> torch.Tensor:
    """Return a clip as tokens of squares, whose values have this order of (channels, rows, columns)."""
    channels, frames, height, width = clip.shape
    split = clip.reshape(channels, frames, height // side, side, width // side, side)
    return split.permute(1, 2, 4, *(((0, 3, 5)[axis]) for axis in axes)).reshape(
        1, -1, channels * side * side
    )


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "channels first": lambda clip: clip[None],
    "frames first": lambda clip: clip.transpose(0, 1)[None],
    "channels last": lambda clip: clip.permute(1, 2, 3, 0)[None],
    "pictures": lambda clip: clip.transpose(0, 1),
    "tokens": lambda clip: _tokens(clip, 1, (0, 1, 2)),
    "squares of channels": lambda clip: _tokens(clip, 2, (0, 1, 2)),
    "channels of squares": lambda clip: _tokens(clip, 2, (1, 2, 0)),
    "without a batch": lambda clip: _tokens(clip, 2, (1, 2, 0))[0],
    "with conditions": lambda clip: torch.cat([clip.permute(1, 2, 3, 0), torch.ones(3, 8, 4, 5)], dim=-1)[
        None
    ],
    "after a picture": lambda clip: torch.cat([torch.zeros(6, 1, 8, 4), clip], dim=1)[None],
}


def _scaled(clip: torch.Tensor) -> torch.Tensor:
    """Return latents in the scale of another network."""
    channels = torch.arange(1, 7).view(6, 1, 1, 1)
    return clip / channels + channels


def _pixels(jpeg: bytes | None) -> Any:
    assert jpeg is not None
    return np.asarray(Image.open(BytesIO(jpeg)).convert("RGB")).astype(float)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_latents_are_found_in_the_order_of_their_call(layout: str) -> None:
    """Whatever the order, a map is fitted, and the picture of other latents is that of their colours."""
    in_call = LAYOUTS[layout]
    colours = torch.tensor([[0.3, 0, 0.1, 0, 0, 0], [0, 0.2, 0, 0, 0, 0.1], [0, 0, 0, 0.3, 0, 0]])
    previews = FittedPreviews(None)
    previews.begin()
    previews.after_step(in_call(_scaled(CLIP)))
    video = torch.einsum("kc,cfhw->kfhw", colours, CLIP)
    previews.decoded(CLIP[None], video.repeat_interleave(8, 2).repeat_interleave(8, 3)[None])
    assert not previews.can_draw
    previews.learn()
    assert previews.can_draw
    other = CLIP.roll(1, 2)
    drawn = _pixels(previews.jpeg(in_call(_scaled(other)), REQUEST, CANVAS))
    middle = video.roll(1, 2)[:, 1].permute(1, 2, 0).clamp(-1, 1).numpy()
    shown = drawn.reshape(8, 8, 4, 8, 3).mean((1, 3)) / 127.5 - 1
    assert np.corrcoef(shown.ravel(), middle.ravel())[0, 1] > 0.9


def test_latents_that_are_not_those_of_the_clip_are_no_map() -> None:
    """Nor are numbers that are none."""
    noise = torch.randn(1, 6, 3, 8, 4, generator=torch.Generator().manual_seed(4))
    assert find_arrangement(noise, CLIP) is None
    previews = FittedPreviews(None)
    for latents, colour in [(noise, 0.0), (CLIP[None], float("nan"))]:
        previews.after_step(latents)
        previews.decoded(CLIP[None], torch.full((1, 3, 3, 64, 32), colour))
        previews.learn()
        assert not previews.can_draw


def test_a_fit_is_kept_for_the_weights_of_the_autoencoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process draws by it. A damaged file, or a disk that cannot be written, costs the first preview alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    weights = tmp_path / "model" / "vae" / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"one")
    path = fit_file(tmp_path / "model", "WanPipeline")
    assert path is not None
    assert path.parent == tmp_path / "cache" / "kinolog" / "previews"
    for place in (path, tmp_path / "model" / "vae" / "weights.safetensors" / "no folder"):
        previews = FittedPreviews(place)
        previews.after_step(CLIP[None])
        previews.decoded(CLIP[None], torch.rand(1, 3, 3, 64, 32))
        previews.learn()
        assert previews.can_draw
        assert FittedPreviews(place).can_draw == (place == path)
    written = path.read_bytes()
    beginning = 8 + int.from_bytes(written[:8], "little")
    for damaged in (b"damaged", written[:beginning].ljust(len(written), b"\0")):
        path.write_bytes(damaged)
        assert not FittedPreviews(path).can_draw
    previews.after_step(CLIP[None])
    previews.decoded(CLIP[0], torch.rand(3, 64, 32))  # what no autoencoder of clips is given
    previews.learn()
    assert fit_file(tmp_path / "model", "LTXPipeline") != path
    weights.write_bytes(b"two")
    assert fit_file(tmp_path / "model", "WanPipeline") not in (None, path)
    weights.unlink()
    assert fit_file(tmp_path / "model", "WanPipeline") is None


@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "predicts", "options"),
    [
        ("FlowMatchEulerDiscreteScheduler", "flow", {}),
        ("UniPCMultistepScheduler", "flow", {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}),
        ("EDMEulerScheduler", "edm", {}),
        ("EulerDiscreteScheduler", "flow", {}),
        ("DDIMScheduler", "noise", {"clip_sample": False}),
        ("DDIMScheduler", "velocity", {"clip_sample": False, "prediction_type": "v_prediction"}),
        ("DPMSolverMultistepScheduler", "noise of share", {}),
        ("EulerAncestralDiscreteScheduler", "flow", {}),
        ("DDPMScheduler", "noise", {"clip_sample": False}),
    ],
)
def test_the_clean_sample_is_estimated_for_each_kind_of_prediction(
    name: str, predicts: str, options: dict[str, Any]
) -> None:
    """A network that knows it says so in its own words; the estimate is there long before the latents are."""
    steps = 8
    scheduler = getattr(_library, name)(**options)
    scheduler.set_timesteps(steps)
    clean, noise = CLIP[None], CLIP.flip(1)[None]
    estimate = CleanEstimate(scheduler)
    latents = noise * float(getattr(scheduler, "init_noise_sigma", 1.0))
    with estimate.followed():
        for done, timestep in enumerate(scheduler.timesteps[: steps // 2], start=1):
            if hasattr(scheduler, "scale_model_input"):
                scheduler.scale_model_input(latents, timestep)
            predicted = _prediction(scheduler, predicts, done - 1, latents, clean)
            latents = scheduler.step(predicted, timestep, latents, return_dict=False)[0]
            estimate.after_step(latents)
    found = estimate.clean(done, steps)
    assert found is not None
    assert (found - clean).abs().mean() < 0.02
    assert (latents - clean).abs().mean() > 0.1


def _prediction(
    scheduler: Any,
    predicts: str,
    place: int,
    latents: torch.Tensor,
    clean: torch.Tensor,
) -> torch.Tensor:
    """Return what a network predicts that knows the clean sample of latents."""
    if predicts in ("noise", "velocity"):
        kept = float(scheduler.alphas_cumprod[int(scheduler.timesteps[place])])
        noise = (latents - kept**0.5 * clean) / (1 - kept) ** 0.5
        velocity: torch.Tensor = kept**0.5 * noise - (1 - kept) ** 0.5 * clean
        return noise if predicts == "noise" else velocity
    sigma = float(scheduler.sigmas[place])
    predicted: torch.Tensor = (latents - clean) / sigma
    if predicts == "edm":  # the network completes its preconditioned input
        data = scheduler.config.sigma_data
        kept, share = data**2 / (sigma**2 + data**2), sigma * data / (sigma**2 + data**2) ** 0.5
        predicted = (clean - kept * latents) / share
    if predicts == "noise of share":
        predicted = (latents * (1 + sigma**2) ** 0.5 - clean) / sigma
    return predicted
