"""Exports of the log, as methods of the async client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinolog_client.exports.commit_selection import CommitSelection, bundle_params
from kinolog_client.exports.event_file import EventFile
from kinolog_client.exports.transfer import EventTransfer, events_operation, parsed
from kinolog_client.http.async_transport import AsyncTransport
from kinolog_client.http.file_transfer import FileTransfer, bundle_operation
from kinolog_client.partial_file import flush_to_disk, partial_file

if TYPE_CHECKING:  # they have a class for each event, and few programs replay commits
    from kinolog_client.replay.job_events import JobEvent
    from kinolog_client.replay.replayed_commit import ReplayedCommit


class AsyncExportMethods:
    """What a client does with exports. It has a transport."""

    _transport: AsyncTransport

    async def exported_events(
        self, selection: CommitSelection | None = None, *, prompts: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of the selected commits as CloudEvents 1.0, in the order of the log, up to its end now.

        With `prompts` they have the texts of users, under `data`, `texts`; that needs the scope `read`. A lost
        connection is resumed without a gap and without an event twice.
        """
        operation = events_operation(selection or CommitSelection(), prompts)
        transfer = EventTransfer(self._transport.endpoint.url, operation, self._transport.policy)
        async for chunk in self._transport.read_file(transfer):
            for line in transfer.lines(chunk):
                yield parsed(line)

    async def replayed_commits(
        self,
        selection: CommitSelection | None = None,
        *,
        events: Collection[type[JobEvent]] = (),
        prompts: bool = False,
        on_begin: Callable[[str, int], object] | None = None,
    ) -> AsyncIterator[ReplayedCommit]:
        """Yield the selected commits as typed objects, in the order of the log, up to its end now.

        With `events` they have those alone, and commits without any of them are left out. `on_begin` is called with the
        name of the log and the last position. See `exported_events`.
        """
        from kinolog_client.replay.commit_transfer import CommitTransfer

        operation = events_operation(selection or CommitSelection(), prompts)
        transfer = CommitTransfer(self._transport.endpoint.url, operation, self._transport.policy, events)
        begun = False
        async for chunk in self._transport.read_file(transfer):
            if not begun and on_begin is not None:
                on_begin(transfer.source, transfer.last_position or 0)
            begun = True
            for commit in transfer.commits(chunk):
                yield commit
        for commit in transfer.last_commit():
            yield commit

    async def export_events(
        self,
        to: Path | str,
        selection: CommitSelection | None = None,
        *,
        file_format: str = "jsonl",
        prompts: bool = False,
        on_progress: Callable[[int, int], object] | None = None,
        on_unreadable: Callable[[int], object] | None = None,
    ) -> Path:
        """Save the events of the selected commits under `to`, whole or not at all; return the path.

        `file_format` is jsonl (a CloudEvent 1.0 a line) or parquet, which needs the extra `parquet`. What is
        interrupted stays beside `to` and is continued by the same call. `on_progress` is called with the position that
        is reached and the last one, `on_unreadable` at the end with the number of events whose texts could not all be
        unsealed, if there are any. Raises `ExportInterrupted` if the beginning of another export is there, ValueError
        for another format, and OSError if the file cannot be written. See `exported_events`.
        """
        with EventFile(
            self._transport.endpoint.url,
            Path(to),
            selection or CommitSelection(),
            self._transport.policy,
            file_format=file_format,
            prompts=prompts,
            on_progress=on_progress,
            on_unreadable=on_unreadable,
        ) as file:
            async for chunk in self._transport.read_file(file.transfer):
                file.write(chunk)
            return await asyncio.to_thread(file.finish)

    async def audit_bundle(
        self,
        to: Path | str,
        selection: CommitSelection | None = None,
        *,
        files: bool = False,
        prompts: bool = False,
        earlier_sizes: Iterable[int] = (),
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> Path:
        """Save an archive with the selected commits, and what proves them, under `to`, whole or not at all.

        With `files` it has the videos and pictures, with `prompts` the keys that unseal texts: both need the scope
        `read`. It proves that its tree continues heads of `earlier_sizes`. Raises `Conflict` for commits that no signed
        head has yet, and OSError if the file cannot be written. See `download` for `to` and `on_progress`.
        """
        chosen = bundle_params(selection or CommitSelection(), files, prompts, earlier_sizes)
        url, policy = self._transport.endpoint.url, self._transport.policy
        transfer = FileTransfer(url, bundle_operation(chosen), policy, resumes=False)
        with partial_file(Path(to)) as part:
            async for chunk in self._transport.read_file(transfer):
                part.write(chunk)
                if on_progress is not None:
                    on_progress(transfer.received_bytes, transfer.size_bytes)
            await asyncio.to_thread(flush_to_disk, part)
        return Path(to)
