"""Seal and unseal the personal data of jobs, in the api, the worker and the projector. See docs/decisions/0002.

The purposes are authenticated with the ciphertext. They are storage, like the names of events.
"""

from __future__ import annotations

from dataclasses import replace

from kinolog.codec.public_job import UnsealedFields
from kinolog.job.state import Job
from kinolog.ports.progress import LogLine, SealedNote
from kinolog.privacy.sealer import Sealer

PROMPT = "prompt"
NEGATIVE_PROMPT = "negative_prompt"
WEBHOOK = "webhook"
NOTE = "note"


def scene_purpose(index: int) -> str:
    """Return the purpose of the prompt of a scene."""
    return f"scene/{index}"


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
        scenes=tuple(sealer.unseal(scene.prompt, scene_purpose(scene.index)) for scene in job.scenes),
    )


def seal_log_note(job: Job, key: bytes, text: str) -> SealedNote:
    """Return a sealed note for a log line: text that quotes the prompt."""
    return SealedNote(job.sealing_key_id, Sealer(job.id, key).seal(text, NOTE))


def unseal_log_line(line: LogLine, key: bytes | None) -> LogLine:
    """Return the line with its note in the message; without it if the key is erased. Raises `UnsealFailed`."""
    if line.note is None or key is None:
        return replace(line, note=None)
    text = Sealer(line.job_id, key).unseal(line.note.text, NOTE)
    return replace(line, message=f"{line.message}: {text}", note=None)
