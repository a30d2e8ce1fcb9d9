"""The text blocks of a modular pipeline as one, whose results can be remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from diffusers.modular_pipelines import modular_pipeline as _modular

_blocks: Any = _modular  # untyped in part
GUIDERS = ("guider", "guider_2")
"""The guiders whose scale is the guidance of a job. One of sound has a scale of its own."""

_TEXT_BLOCK = "text_encoder"


class RememberedTexts(_blocks.SequentialPipelineBlocks):  # type: ignore[misc] # untyped in part
    """The text blocks of a pipeline. They run in `encode_prompt` of the pipeline, which can be replaced."""

    def __call__(self, components: Any, state: Any) -> tuple[Any, Any]:
        inputs = {name: state.get(name) for name in self.input_names}
        for name, (value, kind) in components.encode_prompt(**inputs).items():
            state.set(name, value, kind)
        components.prepare_latents()
        return components, state

    def encode(self, components: Any, inputs: Mapping[str, Any]) -> dict[str, tuple[Any, str | None]]:
        """Return what the blocks make of their inputs: values with the kind of argument that each is, if it has one."""
        state = _blocks.PipelineState()
        for name, value in inputs.items():
            state.set(name, value)
        with _with_negative_prompt(components):
            super().__call__(components, state)
        return {
            output.name: (state.get(output.name), output.kwargs_type)
            for output in self.intermediate_outputs
            if output.name in state.values
        }


def with_remembered_texts(blocks: Any) -> Any:
    """Return the blocks of a pipeline with its text blocks, which follow each other, as one."""
    named = blocks.sub_blocks.items()
    texts = {name: block for name, block in named if name.split(".")[0] == _TEXT_BLOCK}
    first = next(iter(texts))
    merged = {
        name: RememberedTexts.from_blocks_dict(texts) if name == first else block
        for name, block in named
        if name == first or name not in texts
    }
    return _blocks.SequentialPipelineBlocks.from_blocks_dict(merged)


def texts_of(blocks: Any) -> RememberedTexts:
    """Return the text blocks of blocks that have them as one."""
    return next(block for block in blocks.sub_blocks.values() if isinstance(block, RememberedTexts))


@contextmanager
def _with_negative_prompt(components: Any) -> Iterator[None]:
    """Let the text blocks encode the negative prompt too.

    Where a guider asks for none, as with a guidance of 1, the blocks of some classes fail.
    """
    guiders = {name: guider for name in GUIDERS if (guider := getattr(components, name, None)) is not None}
    alone = {name: guider for name, guider in guiders.items() if guider.num_conditions < 2}
    for name, guider in alone.items():
        setattr(components, name, guider.new(guidance_scale=2.0, enabled=True))
    try:
        yield
    finally:
        for name, guider in alone.items():
            setattr(components, name, guider)


class TextTokenTypes:
    """Tells MiniMax-H3 which tokens of a prompt are pictures: of a text none is.

    It asks its processor for nothing else, if there is only a text.
    """

    def create_mm_token_type_ids(self, tokens: list[list[int]]) -> list[list[int]]:
        """Return a 0 for each token of each text."""
        return [[0] * len(text) for text in tokens]
