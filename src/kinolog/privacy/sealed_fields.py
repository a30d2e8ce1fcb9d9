"""Seal and unseal the personal data of jobs, in the api, the worker and the projector.

See docs/decisions/0002, docs/decisions/0036 and docs/decisions/0081.

The purposes are authenticated with the ciphertext. They are storage, like the names of events.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from kinolog.codec.public_job import UnsealedFields
from kinolog.job.events import CancelRequested
from kinolog.job.state import Job
from kinolog.job.values import InputFacts, Sealed
from kinolog.ports.progress import LogLine, PreviewImage, SealedNote
from kinolog.privacy.sealed_content import ContentSealer
from kinolog.privacy.sealer import Sealer

PROMPT = "prompt"
NEGATIVE_PROMPT = "negative_prompt"
WEBHOOK = "webhook"
TITLE = "title"
NOTE = "note"
PREVIEW = "preview"
CANCEL_REASON = "cancel_reason"

ERASED_TEXT = "(erased)"
"""Shown instead of a text that existed and is erased."""


def scene_purpose(index: int) -> str:
    """Return the purpose of the prompt of a scene."""
    return f"scene/{index}"


def input_content(sealer: Sealer, index: int) -> ContentSealer:
    """Return what seals and unseals the content of an input of a job; `index` counts from 0."""
    return ContentSealer(sealer, f"input/{index}")


def checkpoint_content(sealer: Sealer, scene: int, step: int) -> ContentSealer:
    """Return what seals and unseals the content of a checkpoint of a scene after a step."""
    return ContentSealer(sealer, f"checkpoint/{scene}/{step}")


def seal_input_facts(facts: InputFacts, sealer: Sealer, index: int) -> Sealed:
    """Return the sealed facts of an input. Raises `KeyErased`."""
    return sealer.seal(json.dumps(asdict(facts), sort_keys=True), f"input/{index}/facts")


def _unseal_input_facts(sealed: Sealed, sealer: Sealer, index: int) -> InputFacts:
    return InputFacts(**json.loads(sealer.unseal(sealed, f"input/{index}/facts")))


def unseal_job(job: Job, key: bytes | None) -> UnsealedFields:
    """Return the personal data of a job; empty if the job or its key is erased. Raises `UnsealFailed`."""
    if job.erased or key is None:
        return UnsealedFields()
    sealer = Sealer(job.id, key)
    spec = job.spec
    return UnsealedFields(
        prompt=sealer.unseal(spec.prompt, PROMPT),
        negative_prompt=sealer.unseal(spec.negative_prompt, NEGATIVE_PROMPT) if spec.negative_prompt else "",
        webhook=sealer.unseal(spec.webhook, WEBHOOK) if spec.webhook else "",
        title=sealer.unseal(spec.title, TITLE) if spec.title else "",
        scenes=tuple(sealer.unseal(scene.prompt, scene_purpose(scene.index)) for scene in job.scenes),
        inputs=tuple(_unseal_input_facts(one.facts, sealer, index) for index, one in enumerate(spec.inputs)),
    )


def unsealed_webhook(job: Job, key: bytes) -> str:
    """Return the address that a job names; empty for none. Raises `UnsealFailed`."""
    return Sealer(job.id, key).unseal(job.spec.webhook, WEBHOOK) if job.spec.webhook else ""


class ProgressSealer:
    """Seals what progress reveals of a job: text that quotes the prompt, and pictures."""

    def __init__(self, job: Job, key: bytes) -> None:
        self._key_id = job.sealing_key_id
        self._sealer = Sealer(job.id, key)

    def note(self, text: str) -> SealedNote:
        """Return a sealed note for a log line."""
        return SealedNote(self._key_id, self._sealer.seal(text, NOTE))

    def picture(self, image: bytes) -> SealedNote:
        """Return a sealed picture."""
        return SealedNote(self._key_id, self._sealer.seal_bytes(image, PREVIEW))


def unseal_preview(preview: PreviewImage, key: bytes) -> PreviewImage:
    """Return the preview with its picture in the clear. Raises `UnsealFailed`."""
    if preview.sealed is None:
        return preview
    image = Sealer(preview.job_id, key).unseal_bytes(preview.sealed.text, PREVIEW)
    return replace(preview, image=image, sealed=None)


def unseal_reason(event: CancelRequested, job: Job, key: bytes | None) -> str:
    """Return why a job was cancelled; `ERASED_TEXT` if the job is erased. Raises `UnsealFailed`.

    It is empty if the key is missing although the job is not erased: that is trouble of ours. An earlier version stored
    the reason in the clear.
    """
    if not event.reason and event.sealed_reason is None:
        return ""
    if job.erased:
        return ERASED_TEXT
    if event.sealed_reason is None:
        return event.reason
    return "" if key is None else Sealer(job.id, key).unseal(event.sealed_reason, CANCEL_REASON)


def unseal_log_line(line: LogLine, key: bytes | None) -> LogLine:
    """Return the line with its note in the message; without it if the key is erased. Raises `UnsealFailed`."""
    if line.note is None or key is None:
        return replace(line, note=None)
    text = Sealer(line.job_id, key).unseal(line.note.text, NOTE)
    return replace(line, message=f"{line.message}: {text}", note=None)
