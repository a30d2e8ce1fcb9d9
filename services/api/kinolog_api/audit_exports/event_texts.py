"""The texts of users in the events of a commit, unsealed as long as the key of its job exists."""

from __future__ import annotations

from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.privacy.event_texts import has_texts, unsealed_texts
from kinolog.privacy.sealer import Sealer


async def texts_of(recorded: RecordedCommit, store: EventStore, keys: KeyStore) -> list[dict[str, str]]:
    """Return the texts of each event by their purpose; none if the job is erased.

    The job and its key are read for each commit, so that no text is exported after the event of an erasure, whose key
    exists until its files are deleted. Raises `LogUnavailable`, `UnsealFailed`.
    """
    commit = recorded.commit
    key = None
    if has_texts(commit.events):
        last = await store.load(commit.job_id)
        key = (
            await keys.get(commit.state.sealing_key_id) if last is not None and not last.job.erased else None
        )
    if key is None:
        return [{} for _ in commit.events]
    return unsealed_texts(commit.events, Sealer(commit.job_id, key))
