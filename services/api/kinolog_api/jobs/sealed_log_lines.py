"""Log lines for the owner of a job: sealed notes, which quote the prompt, are unsealed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import LogLine
from kinolog.privacy.sealed_fields import unseal_log_line
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


def _unsealed(line: LogLine, key: bytes | None) -> LogLine:
    try:
        return unseal_log_line(line, key)
    except UnsealFailed as error:
        logger.error("cannot unseal a note: %s", error, extra=fields("seal_broken", job=line.job_id))
        return unseal_log_line(line, None)
