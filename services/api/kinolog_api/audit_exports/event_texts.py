"""The texts of users in the events of a commit, unsealed."""

from __future__ import annotations

from collections.abc import Iterable

from kinolog.job.commit import RecordedCommit
from kinolog.job.events import CancelRequested, Event, StoryboardPlanned, Submitted
from kinolog.job.values import Sealed
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealed_fields import (
    CANCEL_REASON,
    NEGATIVE_PROMPT,
    PROMPT,
    TITLE,
    WEBHOOK,
    scene_purpose,
)
from kinolog.privacy.sealer import Sealer


async def unsealed_texts(recorded: RecordedCommit, keys: KeyStore) -> list[dict[str, str]]:
    """Return the texts of each event by their purpose; none if the key is erased.

    The key is read for each commit, so that no text is exported after an erasure. Raises `LogUnavailable`,
    `UnsealFailed`.
    """
    sealed = [dict(_sealed_in(event)) for event in recorded.commit.events]
    if not any(sealed):
        return [{} for _ in sealed]
    key = await keys.get(recorded.commit.state.sealing_key_id)
    if key is None:
        return [{} for _ in sealed]
    sealer = Sealer(recorded.commit.job_id, key)
    return [
        {purpose: sealer.unseal(text, purpose) for purpose, text in of_event.items()} for of_event in sealed
    ]


def _sealed_in(event: Event) -> Iterable[tuple[str, Sealed]]:
    """Yield the sealed texts of an event with their purposes."""
    match event:
        case Submitted(spec=spec):
            texts = (
                (PROMPT, spec.prompt),
                (NEGATIVE_PROMPT, spec.negative_prompt),
                (WEBHOOK, spec.webhook),
                (TITLE, spec.title),
            )
            yield from ((purpose, text) for purpose, text in texts if text is not None)
        case StoryboardPlanned(scenes=scenes):
            yield from ((scene_purpose(scene.index), scene.prompt) for scene in scenes)
        case CancelRequested(sealed_reason=reason) if reason is not None:
            yield CANCEL_REASON, reason
