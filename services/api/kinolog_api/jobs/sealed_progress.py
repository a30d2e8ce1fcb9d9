"""Progress for the owner of a job: notes that quote the prompt, and pictures, are unsealed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import LogLine, PreviewImage, ProgressUpdate, SealedNote
from kinolog.privacy.sealed_fields import unseal_log_line, unseal_preview
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)


async def unseal_log_lines(lines: Sequence[LogLine], keys: KeyStore) -> list[LogLine]:
    """Return the lines with unsealed notes. A note is left out if its key is erased or does not unseal it."""
    key_ids = list(dict.fromkeys(line.note.key_id for line in lines if line.note is not None))
    secrets = await keys.get_many(key_ids) if key_ids else {}
    return [
        _unsealed(line, secrets.get(line.note.key_id) if line.note is not None else None) for line in lines
    ]


async def unseal_update(update: ProgressUpdate, keys: KeyStore) -> ProgressUpdate | None:
    """Return an update unsealed: a log line as `unseal_log_lines` does; None for a picture that cannot be unsealed."""
    match update:
        case LogLine(note=SealedNote()):
            (line,) = await unseal_log_lines([update], keys)
            return line
        case PreviewImage(sealed=SealedNote(key_id=key_id)):
            try:
                key = (await keys.get_many([key_id])).get(key_id)
                return None if key is None else unseal_preview(update, key)
            except UnsealFailed as error:
                logger.error(
                    "cannot unseal a picture: %s", error, extra=fields("seal_broken", job=update.job_id)
                )
                return None
        case _:
            return update


def _unsealed(line: LogLine, key: bytes | None) -> LogLine:
    try:
        return unseal_log_line(line, key)
    except UnsealFailed as error:
        logger.error("cannot unseal a note: %s", error, extra=fields("seal_broken", job=line.job_id))
        return unseal_log_line(line, None)
