"""What all stages import. Nothing here touches the device: each stage is a copy of the process that imported it."""

from __future__ import annotations

from contextlib import suppress

from kinolog_worker.renderers.registry import renderer_named

from kinolog.models.renderers import DEFAULT_RENDERER

with suppress(Exception):  # the first stage meets the same error, and it is recorded there
    renderer_named(DEFAULT_RENDERER)
