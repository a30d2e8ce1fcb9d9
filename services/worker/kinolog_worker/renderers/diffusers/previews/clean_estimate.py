"""The estimate of what latents will be without their noise, for previews."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from kinolog_worker.renderers.diffusers.step_reports import replaced_methods

_RANDOM_STEPS = ("Ancestral", "DDPM", "LCM", "DMD", "CogVideoXDPM")
"""Parts of the names of schedulers that add noise in each step: two latents of theirs lie on no line."""


class CleanEstimate:
    """Estimates the final latents of a call while it denoises.

    A scheduler that stores its estimates of the clean sample provides the latest, and one that adds noise in each step
    returns it. With others two successive latents are two mixtures of the same clean sample and the same noise, in
    shares that the scheduler states.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._before: torch.Tensor | None = None
        self._latents: torch.Tensor | None = None
        self._returned: torch.Tensor | None = None
        self._is_random = any(part in type(scheduler).__name__ for part in _RANDOM_STEPS)

    def followed(self) -> AbstractContextManager[None]:
        """See what the steps of a scheduler return in the block, if it adds noise in each."""
        return replaced_methods(self._scheduler, self._following) if self._is_random else nullcontext()

    def after_step(self, latents: torch.Tensor) -> None:
        """Take the latents after a step."""
        self._before, self._latents = self._latents, latents

    def clean(self, done: int, steps: int) -> torch.Tensor | None:
        """Return the estimate after so many of the steps, or the latents where there is none; None before a step."""
        latents, before = self._latents, self._before
        if latents is None:
            return None
        stored = self._stored()
        if stored is not None and stored.shape == latents.shape:
            return stored
        shares = self._shares(done, steps)
        if shares is None or before is None or before.shape != latents.shape:
            return latents
        (clean_before, noise_before), (clean_now, noise_now) = shares
        divisor = clean_now * noise_before - clean_before * noise_now
        if divisor < 1e-6:  # the step removed no noise
            return latents
        return (latents * noise_before - before * noise_now) / divisor

    def _stored(self) -> torch.Tensor | None:
        """Return the estimate that the scheduler stores; None if it stores none."""
        if self._is_random:
            return self._returned
        config = getattr(self._scheduler, "config", {})
        stores = config.get("predict_x0") or "dpmsolver++" in str(config.get("algorithm_type"))
        outputs = getattr(self._scheduler, "model_outputs", None) if stores else None
        return outputs[-1] if outputs and isinstance(outputs[-1], torch.Tensor) else None

    def _following(self, scheduler: Any) -> Mapping[str, Callable[..., Any]]:
        """Return the step of a scheduler's class that shows what it returns."""

        def step(this: Any, *positional: Any, **named: Any) -> Any:
            result = scheduler.step(this, *positional, **named)
            if isinstance(result, tuple):
                clean = result[1] if len(result) > 1 else None
            else:
                clean = getattr(result, "pred_original_sample", None)
            self._returned = clean if isinstance(clean, torch.Tensor) else None
            return result

        return {"step": step}

    def _shares(self, done: int, steps: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Return the shares of the clean sample and of noise before the last step and after it; None if unknown."""
        scheduler, name = self._scheduler, type(self._scheduler).__name__
        timesteps = getattr(scheduler, "timesteps", None)
        if self._is_random or timesteps is None or not len(timesteps):
            return None
        place = getattr(scheduler, "step_index", None)
        now = place if isinstance(place, int) else (done - 1 - steps) % len(timesteps) + 1
        sigmas = getattr(scheduler, "sigmas", None)
        if sigmas is not None:
            is_flow = "Flow" in name or scheduler.config.get("prediction_type") == "flow_prediction"
            if not 0 < now < len(sigmas) or not (is_flow or "Euler" in name):
                return None
            noise_before, noise_now = float(sigmas[now - 1]), float(sigmas[now])
            return (
                ((1 - noise_before, noise_before), (1 - noise_now, noise_now))
                if is_flow
                else ((1.0, noise_before), (1.0, noise_now))
            )
        kept = getattr(scheduler, "alphas_cumprod", None)
        if kept is None:
            return None
        before = float(kept[int(timesteps[now - 1])])
        after = float(kept[int(timesteps[now])]) if now < len(timesteps) else 1.0
        return _of_variance(before), _of_variance(after)


def _of_variance(kept: float) -> tuple[float, float]:
    """Return the shares of mixtures whose variance stays the same, of which the clean sample has so much."""
    return kept**0.5, (1 - kept) ** 0.5
