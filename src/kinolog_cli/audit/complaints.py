"""What a witness does with a contradiction: it keeps both heads, and tells an address or a command."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx

from kinolog.network_addresses import without_secrets

SECONDS = 30.0
"""How long an address or a command may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """That history was rewritten, and the state of the witness that found it."""

    text: str
    state: Path

    @property
    def json(self) -> str:
        """The complaint for programs."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"type": "history_rewritten", "text": self.text, "state": str(self.state), "at": at}
        return json.dumps(facts, ensure_ascii=False)


def complain(complaint: Complaint, *, webhook: str, command: str) -> Iterator[str]:
    """Send a complaint to an address and to a command, each if there is one. Yield what did not work."""
    if webhook:
        headers = {"Content-Type": "application/json", "webhook-id": f"msg_{uuid4().hex}"}
        try:
            answer = httpx.post(webhook, content=complaint.json, headers=headers, timeout=SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            yield f"the complaint could not be sent to {without_secrets(webhook)}: {error}"
        else:
            if not answer.is_success:
                refusal = f"{answer.status_code} {answer.reason_phrase}".strip()
                yield f"the complaint could not be sent to {without_secrets(webhook)}: it answers {refusal}"
    if command:
        try:
            subprocess.run(shlex.split(command), input=complaint.json.encode(), timeout=SECONDS, check=True)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            yield f"the command for complaints failed: {error}"
