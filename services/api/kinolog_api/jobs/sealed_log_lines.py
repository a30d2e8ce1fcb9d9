"""Log lines as their owner reads them: what they say in words of the prompt is opened."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import LogLine
from kinolog.privacy.sealed_fields import unseal_log_line
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields

log = logging.getLogger(__name__)


async def read_out(lines: Sequence[LogLine], keys: KeyStore) -> list[LogLine]:
    """The lines with their notes opened; a note whose key is erased, or which does not open, is left out."""
    wanted = list(dict.fromkeys(line.note.key_id for line in lines if line.note is not None))
    found = await keys.get_many(wanted) if wanted else {}
    return [_opened(line, found.get(line.note.key_id) if line.note is not None else None) for line in lines]


def _opened(line: LogLine, key: bytes | None) -> LogLine:
    try:
        return unseal_log_line(line, key)
    except UnsealFailed as broken:
        log.error("a note cannot be shown: %s", broken, extra=fields("seal_broken", job=line.job_id))
        return unseal_log_line(line, None)
