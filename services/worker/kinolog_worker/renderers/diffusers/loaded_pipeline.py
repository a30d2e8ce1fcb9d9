"""A pipeline in its place, hooked at its seams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from kinolog.models.memory.needs import DrawnSize
from kinolog_worker.renderers.diffusers.autoencoder import AutoencoderSeam
from kinolog_worker.renderers.diffusers.loras.adapters import LoraAdapters
from kinolog_worker.renderers.diffusers.pipeline_call import PipelineCall, call_of
from kinolog_worker.renderers.diffusers.placement.placed_model import PlacedModel
from kinolog_worker.renderers.diffusers.previews.fit_file import fit_file
from kinolog_worker.renderers.diffusers.previews.fitted_previews import FittedPreviews
from kinolog_worker.renderers.diffusers.prompt_memory import PromptMemory
from kinolog_worker.renderers.prompt_vocabulary import SceneVocabulary, load_vocabulary
from kinolog_worker.renderers.renderer import SceneRequest


@dataclass(frozen=True, slots=True)
class LoadedPipeline:
    """A pipeline with what drives it."""

    pipe: Any
    call: PipelineCall
    prompts: PromptMemory
    autoencoder: AutoencoderSeam
    adapters: LoraAdapters
    vocabulary: SceneVocabulary | None
    previews: FittedPreviews

    def drawn_size(self, request: SceneRequest) -> DrawnSize:
        """Return the size that the model draws for a request. Raises RenderFailed."""
        canvas = self.call.canvas(request)
        return DrawnSize(width=canvas.width, height=canvas.height, frames=canvas.frames)


def loaded_pipeline(placed: PlacedModel) -> LoadedPipeline:
    """Load the pipeline of a model in the placement that is planned. Raises RenderFailed."""
    model, family = placed.checked.model, placed.checked.family
    pipe = placed.load()
    call = call_of(
        pipe,
        family,
        text_tokens=model.options.get("text_tokens"),
        size_multiple=model.options.get("size_multiple"),
    )
    autoencoder = AutoencoderSeam(pipe, streams=family.streams)
    autoencoder.lower_with(placed.lower_decode)
    vocabulary = load_vocabulary(placed.checked.folder, getattr(pipe, "tokenizer", None))
    prompts = PromptMemory(pipe)
    adapters = LoraAdapters(pipe, partial(prompts.forget, 0.0))
    previews = FittedPreviews(fit_file(placed.checked.folder, family.pipeline))
    autoencoder.show_to(previews.decoded)
    return LoadedPipeline(pipe, call, prompts, autoencoder, adapters, vocabulary, previews)
