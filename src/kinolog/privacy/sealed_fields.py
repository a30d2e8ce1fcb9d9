"""The personal data of a job in the clear, for those who may see it: api, worker, projector.

The purposes named here are authenticated with the ciphertext; they are storage like the names of events.
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
    """Purpose under which the prompt of a scene is sealed."""
    return f"scene/{index}"


def unseal_job(job: Job, key: bytes | None) -> UnsealedFields:
    """What the job's personal data says; nothing once it is erased or its key is gone. Raises `SealBroken`."""
    if job.erased or key is None:
        return UnsealedFields()
    sealer = Sealer(job.id, key)
    spec = job.spec
    return UnsealedFields(
        prompt=sealer.open(spec.prompt, PROMPT),
        negative_prompt=sealer.open(spec.negative_prompt, NEGATIVE_PROMPT) if spec.negative_prompt else "",
        webhook=sealer.open(spec.webhook, WEBHOOK) if spec.webhook else "",
        scenes=tuple(sealer.open(scene.prompt, scene_purpose(scene.index)) for scene in job.scenes),
    )


def seal_log_note(job: Job, key: bytes, text: str) -> SealedNote:
    """Words of the prompt for a line in the job's log."""
    return SealedNote(job.sealing_key_id, Sealer(job.id, key).seal(text, NOTE))


def unseal_log_line(line: LogLine, key: bytes | None) -> LogLine:
    """The line with its note read out; without the note once its key is gone. Raises `SealBroken`."""
    if line.note is None or key is None:
        return replace(line, note=None)
    text = Sealer(line.job_id, key).open(line.note.text, NOTE)
    return replace(line, message=f"{line.message}: {text}", note=None)
