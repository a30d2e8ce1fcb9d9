"""The sound that a pipeline makes beside its frames."""

from __future__ import annotations

from typing import Any

from kinolog_worker.media.sound.samples import Samples, Sound
from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.diffusers.pipeline_call import PipelineCall
from kinolog_worker.renderers.renderer import SceneRequest


def sound_in(
    output: Any, pipe: Any, call: PipelineCall, request: SceneRequest, canvas: Canvas
) -> Sound | None:
    """Return the sound in the output of a call, from the first frame of the clip on; None if there is none.

    A pipeline that takes no frames per second makes sound for its own. Its frames are shown faster or slower than that,
    and so is the sound played.
    """
    waves = getattr(output, call.family.audio, None) if call.family.audio else None
    if waves is None:
        return None
    samples: Samples = waves[0].float().cpu().numpy()
    samples = samples.reshape(-1, samples.shape[-1])
    rate = _rate(output, pipe)
    shown = drawn = call.shown_fps(request, canvas)
    if call.family.fps_parameter not in call.accepts and call.family.native is not None:
        drawn = call.family.native.fps
    first = call.frame_numbers(request, canvas)[0]
    return Sound(samples[:, round(first * rate / drawn) :], round(rate * shown / drawn))


def _rate(output: Any, pipe: Any) -> float:
    """Return the samples per second that the output states, or the vocoder, or the pipeline."""
    stated = getattr(output, "sampling_rate", None)
    vocoder = getattr(getattr(pipe, "vocoder", None), "config", None)
    return float(stated or getattr(vocoder, "output_sampling_rate", None) or pipe.audio_sample_rate)
