"""The texts of users in the events of a commit, unsealed as long as the key of its job exists."""

from __future__ import annotations

from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.privacy.event_texts import EventTexts, has_texts, readable_texts
from kinolog.privacy.sealer import Sealer


async def texts_of(recorded: RecordedCommit, store: EventStore, keys: KeyStore) -> list[EventTexts]:
    """Return the texts of each event by their purpose; none if the job is erased.

    The job and its key are read for each commit, so that no text is exported after the event of an erasure, whose key
    exists until its files are deleted. A text that does not unseal is named as one. Raises `LogUnavailable`.
    """
    commit = recorded.commit
    key = None
    if has_texts(commit.events):
        last = await store.load(commit.job_id)
        key = (
            await keys.get(commit.state.sealing_key_id) if last is not None and not last.job.erased else None
        )
    if key is None:
        return [EventTexts() for _ in commit.events]
    sealer = Sealer(commit.job_id, key)
    return [readable_texts(event, sealer) for event in commit.events]
