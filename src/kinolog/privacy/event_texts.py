"""The texts of users in events, unsealed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kinolog.job.events import CancelRequested, Event, StoryboardPlanned, Submitted
from kinolog.job.values import Sealed
from kinolog.privacy.sealed_fields import (
    CANCEL_REASON,
    NEGATIVE_PROMPT,
    PROMPT,
    TITLE,
    WEBHOOK,
    scene_purpose,
)
from kinolog.privacy.sealer import Sealer, UnsealFailed


def has_texts(events: Sequence[Event]) -> bool:
    """Return whether events have sealed texts."""
    return any(True for event in events for _ in _sealed_in(event))


def unsealed_texts(events: Sequence[Event], sealer: Sealer) -> list[dict[str, str]]:
    """Return the texts of each event by their purpose. Raises `UnsealFailed`."""
    return [
        {purpose: sealer.unseal(text, purpose) for purpose, text in _sealed_in(event)} for event in events
    ]


@dataclass(slots=True)
class EventTexts:
    """The texts of an event by their purpose, and the purposes of those that do not unseal."""

    texts: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def readable_texts(event: Event, sealer: Sealer) -> EventTexts:
    """Return the texts of an event. One that does not unseal hides no other."""
    found = EventTexts()
    for purpose, text in _sealed_in(event):
        try:
            found.texts[purpose] = sealer.unseal(text, purpose)
        except UnsealFailed:
            found.unreadable.append(purpose)
    return found


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
