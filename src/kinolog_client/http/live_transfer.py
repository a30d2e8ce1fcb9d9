"""The live video of a job, read while it grows, and on over lost connections. Pure; the transports move the bytes."""

from __future__ import annotations

from collections.abc import Mapping

from kinolog.process.backoff import Backoff
from kinolog_client.errors import Conflict, GatewayError, GatewayUnreachable, ServiceUnavailable
from kinolog_client.http.file_transfer import FileTransfer, live_video_operation
from kinolog_client.http.retry import RetryPolicy

LAST_BYTE = 2**53 - 1
"""End of a range that goes on until the end of a file that grows (RFC 8673)."""

MOST_BREAKS = 15
"""How often in a row a gateway that is away is asked again: for half a minute."""

_BACKOFF = Backoff(first_seconds=0.2, longest_seconds=2.0)


class LiveTransfer(FileTransfer):
    """Counts the bytes of a live video. A gateway that restarts, or sends nothing for long, is asked for the rest."""

    chunk_bytes = None

    def __init__(self, url: str, job_id: str, policy: RetryPolicy) -> None:
        super().__init__(url, live_video_operation(job_id), policy)
        self._breaks = 0

    def headers(self) -> dict[str, str]:
        """Return the headers of the next request: for what follows, of the same attempt."""
        if not self.received_bytes or self._tag is None:
            return dict(self.operation.headers)
        following = f"bytes={self.received_bytes}-{LAST_BYTE}"
        return {**self.operation.headers, "Range": following, "If-Match": self._tag}

    def on_answer(self, status: int, headers: Mapping[str, str]) -> None:
        super().on_answer(status, headers)
        self._failures = self._breaks = 0

    def is_at_end(self, status: int, headers: Mapping[str, str]) -> bool:
        """Return whether a refusal means that all bytes have come: the connection was lost after the last one."""
        return status == 416 and headers.get("content-range") == f"bytes */{self.received_bytes}"

    def pause_after(self, error: GatewayError) -> float | None:
        """Return the pause before the next try, in seconds: nothing is drawn yet, or the gateway is away.

        None for another error, and for a gateway that stays away.
        """
        if isinstance(error, Conflict) and error.reason == "LIVE_VIDEO_NOT_BEGUN" and not self.received_bytes:
            return error.retry_after_seconds or 1.0
        if not isinstance(error, GatewayUnreachable | ServiceUnavailable) or self._breaks >= MOST_BREAKS:
            return None
        self._breaks += 1
        return _BACKOFF.seconds(self._breaks)
