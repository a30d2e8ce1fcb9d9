"""Lines of the log about refused calls. A flood of them gets few."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from kinolog.connections.line_budget import LineBudget
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)


class RefusalLog:
    """Logs refusals of keys, never with a key. `left_out` of a line says how many before it have none."""

    def __init__(self) -> None:
        self._lines = LineBudget()

    def note(self, message: str, reason: str, method: str, key_id: str, origin: Mapping[str, str]) -> None:
        """Log a refusal, unless there are too many of its address."""
        left_out = self._lines.take(origin.get("client") or origin.get("peer", ""))
        if left_out is not None:
            facts = {**origin, **({"left_out": left_out} if left_out else {})}
            extra = fields("call_refused", method=method, reason=reason, key_id=key_id, **facts)
            logger.warning("a call was refused: %s", message, extra=extra)
