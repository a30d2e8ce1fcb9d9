"""The renderer that drives any text-to-video DiffusionPipeline by the signature of its call."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from kinolog.storyboard.prompt_vocabulary import VocabularyMatch
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.thumbnails import jpeg_of
from kinolog_worker.renderers.canvas import Canvas, canvas_for, fit
from kinolog_worker.renderers.diffusers.embeddings import PromptEncoder
from kinolog_worker.renderers.diffusers.latents import (
    CleanEstimate,
    can_stream,
    decode_runs,
    denormalized,
    frame_runs,
    frames_of_tensor,
)
from kinolog_worker.renderers.diffusers.pipeline_loader import device_named, is_lost, load_pipeline
from kinolog_worker.renderers.diffusers.pipeline_signature import PipelineSignature, signature_of
from kinolog_worker.renderers.prompt_vocabulary import SceneVocabulary, load_vocabulary
from kinolog_worker.renderers.renderer import (
    EncodedPrompt,
    LoadedFacts,
    ModelSource,
    Observe,
    RenderCancelled,
    RenderFailed,
    SceneRequest,
    ShouldStop,
    StepReport,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _LoadedPipeline:
    """A pipeline on its device with what drives it."""

    pipe: Any
    signature: PipelineSignature
    prompts: PromptEncoder
    vocabulary: SceneVocabulary | None


class DiffusersRenderer:
    """Draws with a pipeline of diffusers.

    Options of the model: `text_tokens` (length that prompts are padded to), `size_multiple` (what width and height
    are rounded to), `vae_dtype` (see `load_pipeline`). The first two are detected for most models.
    """

    def __init__(self) -> None:
        self._loaded: _LoadedPipeline | None = None
        self._device: torch.device | None = None

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        self._device = device_named(device)
        pipe, facts, folder = load_pipeline(model, device)
        signature = signature_of(
            pipe,
            text_tokens=model.options.get("text_tokens"),
            size_multiple=model.options.get("size_multiple"),
        )
        vocabulary = load_vocabulary(folder, getattr(pipe, "tokenizer", None))
        self._loaded = _LoadedPipeline(pipe, signature, PromptEncoder(pipe, signature), vocabulary)
        logger.info("%s is loaded on %s (%s) in %.1f s", model.name, facts.device, facts.dtype, facts.seconds)
        return facts

    def has_lost_device(self) -> bool:
        return self._device is not None and is_lost(self._device)

    def encode_prompt(self, request: SceneRequest) -> EncodedPrompt:
        loaded = self._loaded_pipeline()
        words = VocabularyMatch()
        if loaded.vocabulary is not None:
            _, words = loaded.vocabulary.rewrite(request.prompt)
            request = loaded.vocabulary.rewrite_request(request)
        with _OutOfMemoryErrors():
            return EncodedPrompt(loaded.prompts.encode(request), words)

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        loaded = self._loaded_pipeline()
        if loaded.vocabulary is not None:
            request = loaded.vocabulary.rewrite_request(request)
        canvas = canvas_for(
            request,
            size_multiple=loaded.signature.size_multiple,
            frame_multiple=loaded.signature.frame_multiple,
        )
        _log_canvas(request, canvas)
        drawn = 0
        with _OutOfMemoryErrors():
            for frames in self._draw(loaded, request, canvas, observe, should_stop):
                if should_stop():
                    raise RenderCancelled
                run = fit(frames, canvas, request)[: request.frames - drawn]
                if not len(run):
                    return
                drawn += len(run)
                observe(StepReport("decode", drawn, request.frames))
                yield run

    def forget_prompts(self, unused_seconds: float) -> None:
        """Drop the prompts that were not used for so long."""
        if self._loaded is not None:
            self._loaded.prompts.forget(unused_seconds)

    def close(self) -> None:
        self._loaded = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _loaded_pipeline(self) -> _LoadedPipeline:
        if self._loaded is None:
            raise RuntimeError("no model is loaded: call load first")
        return self._loaded

    def _draw(
        self,
        loaded: _LoadedPipeline,
        request: SceneRequest,
        canvas: Canvas,
        observe: Observe,
        should_stop: ShouldStop,
    ) -> Iterator[Frames]:
        """Denoise, then yield frames of the canvas as they are decoded."""
        pipe, signature = loaded.pipe, loaded.signature
        streams = can_stream(pipe)
        arguments = signature.arguments(request, canvas)
        arguments |= loaded.prompts.arguments(request)
        if "callback_on_step_end" in signature.accepts:
            arguments["callback_on_step_end"] = _step_observer(
                pipe, request, observe, should_stop, previews=streams
            )
        if should_stop():
            raise RenderCancelled
        # On every device the generator is one of the CPU, so that a seed means the same noise everywhere.
        generator = torch.Generator("cpu").manual_seed(request.seed)
        output = pipe(**arguments, generator=generator, output_type="latent" if streams else "np").frames
        if streams:
            for video in decode_runs(pipe.vae, denormalized(pipe.vae, output)):
                yield frames_of_tensor(video)
        else:
            yield from frame_runs(output[0])


def _step_observer(
    pipe: Any, request: SceneRequest, observe: Observe, should_stop: ShouldStop, *, previews: bool
) -> Any:
    """Return the pipeline's callback. It reports each step, and ends the call with an exception if it is cancelled.

    (Setting `pipe._interrupt` would still decode the unfinished latents.)
    """
    estimate = CleanEstimate(pipe.scheduler)

    def after_step(_: Any, index: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if should_stop():
            raise RenderCancelled
        latents = tensors.get("latents")
        preview = None
        if previews and latents is not None:
            clean = estimate.after_step(index, latents)

            def preview() -> bytes:
                return _preview(pipe.vae, clean)

        steps = getattr(pipe, "num_timesteps", None) or request.steps
        observe(StepReport("denoise", index + 1, steps, preview))
        return {}

    return after_step


def _preview(vae: Any, latents: torch.Tensor) -> bytes:
    """Return the middle latent frame, decoded alone, as a small JPEG."""
    middle = latents.shape[2] // 2
    with torch.no_grad():
        video = next(decode_runs(vae, denormalized(vae, latents[:1, :, middle : middle + 1])))
    return jpeg_of(frames_of_tensor(video)[0])


def _log_canvas(request: SceneRequest, canvas: Canvas) -> None:
    """Write into the job's log if the model draws another size than the requested one."""
    drawn = (canvas.width, canvas.height, canvas.frames)
    if drawn != (request.width, request.height, request.frames):
        logger.info(
            "the model draws %dx%d, %d frames; the clip is %dx%d, %d frames",
            *drawn,
            *(request.width, request.height, request.frames),
        )


class _OutOfMemoryErrors:
    """Replaces the exceptions that torch raises when memory runs out by RenderFailed."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        out_of_memory = isinstance(error, torch.OutOfMemoryError) or (
            isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
        )
        if out_of_memory:
            raise RenderFailed(
                "OUT_OF_MEMORY", "the device's memory was not enough for this scene", retryable=True
            ) from None
