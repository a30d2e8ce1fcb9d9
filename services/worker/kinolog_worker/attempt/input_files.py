"""The inputs of a job: from the artifact store into the folder of its attempt, unsealed and checked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

from kinolog.codec.public_job import UnsealedFields
from kinolog.job.state import Job
from kinolog.job.values import INPUTS_UNAVAILABLE, InputFacts, JobError, JobInput
from kinolog.models.input_roles import InputRole
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactStore, ArtifactsUnavailable
from kinolog.privacy.sealed_fields import input_content
from kinolog.privacy.sealer import Sealer, UnsealFailed
from kinolog_worker.renderers.renderer import InputFile

AWAY = JobError(
    code=INPUTS_UNAVAILABLE,
    message="the store of the pictures and clips that the job starts from does not answer",
    retryable=True,
)

PRIVATE_FILE = 0o600


class InputUnusable(Exception):
    """An input cannot be fetched. `error` says why."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


async def fetch_inputs(
    store: ArtifactStore, job: Job, unsealed: UnsealedFields, sealer: Sealer, folder: Path
) -> tuple[InputFile, ...]:
    """Write the inputs of a job into `folder`, which only this user can read. Raises `InputUnusable`, `OSError`."""
    fetched = []
    for index, (value, facts) in enumerate(zip(job.spec.inputs, unsealed.inputs, strict=True)):
        path = folder / f"input-{index:02}"
        try:
            content = input_content(sealer, index).unseal(store.read(value.file.key))
            await _write(content, path, facts)
        except ArtifactsUnavailable as error:
            raise InputUnusable(AWAY) from error
        except ArtifactMissing as error:
            raise InputUnusable(_final("INPUT_MISSING", value, index, "is no longer stored")) from error
        except (ArtifactDamaged, UnsealFailed) as error:
            raise InputUnusable(
                _final("INPUT_DAMAGED", value, index, "is damaged where it is stored")
            ) from error
        fetched.append(InputFile(role=InputRole(value.role), path=path, media_type=value.media_type))
    return tuple(fetched)


async def _write(content: AsyncIterator[bytes], path: Path, facts: InputFacts) -> None:
    """Write content to a new file. Raises `UnsealFailed` if it does not have the hash that was recorded."""
    digest = sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
        async for piece in content:
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
    if digest.hexdigest() != facts.sha256:
        raise UnsealFailed("the content has another SHA-256 than the one that was recorded")


def _final(code: str, value: JobInput, index: int, what: str) -> JobError:
    """Return the error of an input that no further attempt can fetch."""
    message = (
        f"input {index + 1}, the {InputRole(value.role).noun}, {what}; submit the request again with the file, or put "
        f"{value.file.key} back into the artifact store from a backup and retry the job"
    )
    return JobError(code=code, message=message, retryable=False)
