"""What a completed job was rendered with, compared with the catalogue of today. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kinolog.job.state import Job
from kinolog.job.values import Runtime
from kinolog.models.catalogue import Catalogue

_COMMIT = re.compile(r"[0-9a-f]{40}")
"""A revision that stays what it is. Others, such as `main`, are known only when the model is loaded."""


def changes_since(original: Job, catalogue: Catalogue) -> list[str]:
    """Return why the catalogue cannot render the job as it was rendered, a sentence for each reason."""
    runtime = original.attempts[-1].runtime if original.attempts else Runtime()
    return [*_model(original, runtime, catalogue), *_additions(original, runtime, catalogue)]


def _model(original: Job, runtime: Runtime, catalogue: Catalogue) -> Iterator[str]:
    name, recorded = original.spec.model, runtime.model_revision
    model = catalogue.get(name)
    if model is None:
        yield f"the model {name} is no longer in the catalogue"
        return
    if model.revision and model.revision != recorded and _both_commits(model.revision, recorded):
        yield f"the model {name} has the revision {model.revision}, and the job was rendered with {recorded}"


def _both_commits(*revisions: str) -> bool:
    return all(map(_COMMIT.fullmatch, revisions))


def _additions(original: Job, runtime: Runtime, catalogue: Catalogue) -> Iterator[str]:
    """Yield what is wrong with the LoRAs and the upscaler of the job."""
    used = {lora.name: lora.sha256 for lora in runtime.loras}
    for named in original.spec.loras:
        lora = catalogue.loras.get(named.name)
        if lora is None:
            yield f"the LoRA {named.name} is no longer in the catalogue"
        elif _differ(lora.sha256, used.get(named.name, "")):
            yield f"the file of the LoRA {named.name} is another one than that of the job"
    if not original.spec.upscaler:
        return
    upscaler = catalogue.upscalers.get(original.spec.upscaler)
    if upscaler is None:
        yield f"the upscaler {original.spec.upscaler} is no longer in the catalogue"
    elif runtime.upscaler is not None and _differ(upscaler.sha256, runtime.upscaler.sha256):
        yield f"the weights of the upscaler {original.spec.upscaler} are others than those of the job"


def _differ(stated: str | None, recorded: str) -> bool:
    """Return whether two hashes are known and differ."""
    return bool(stated) and bool(recorded) and stated != recorded
