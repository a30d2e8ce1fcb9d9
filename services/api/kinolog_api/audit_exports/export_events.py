"""ExportEvents: the events of the selected commits, read from the log itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from kinolog.access.api_key import Scope
from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.read_model import ReadModel
from kinolog.v1 import export_service_pb2 as pb
from kinolog_api.audit.history import recorded_to_proto
from kinolog_api.audit_exports.event_texts import texts_of
from kinolog_api.audit_exports.selected_commits import CommitSelections
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import scope_missing

MESSAGE_BYTES = 1 << 18
"""A message is sent when its commits have as many bytes."""


class ExportEvents:
    """ExportEvents."""

    def __init__(self, store: EventStore, keys: KeyStore, read_model: ReadModel) -> None:
        self._selections = CommitSelections(store, read_model)
        self._store = store
        self._keys = keys

    async def export_events(
        self, request: pb.ExportEventsRequest, call: RpcCall
    ) -> AsyncGenerator[pb.ExportEventsResponse, None]:
        """ExportEvents. A message without commits says how far the log was read."""
        if request.unseal_texts and Scope.READ not in call.scopes:
            raise scope_missing(Scope.READ, "an export with the texts of users")
        selected = await self._selections.check(request.selection, call)
        message = pb.ExportEventsResponse(
            source=await self._selections.source(), last_position=selected.last, reached=selected.first - 1
        )
        size, is_sent = 0, False
        async with aclosing(self._selections.read(selected)) as batches:
            async for reached, commits in batches:
                if not is_sent:  # after the first read, so that a missing job is an error and nothing else
                    yield message
                    message, is_sent = pb.ExportEventsResponse(), True
                for recorded in commits:
                    exported = await self._exported(recorded, unseal=request.unseal_texts)
                    message.commits.append(exported)
                    message.reached = recorded.position
                    size += exported.ByteSize()
                    if size >= MESSAGE_BYTES:
                        yield message
                        message, size = pb.ExportEventsResponse(), 0
                message.reached = reached
                yield message
                message, size = pb.ExportEventsResponse(), 0

    async def _exported(self, recorded: RecordedCommit, *, unseal: bool) -> pb.ExportedCommit:
        exported = pb.ExportedCommit(
            job_id=recorded.commit.job_id,
            tenant=recorded.commit.tenant,
            commit=recorded_to_proto(recorded),
        )
        if unseal:
            texts = await texts_of(recorded, self._store, self._keys)
            exported.texts.extend(
                pb.UnsealedTexts(texts=each.texts, unreadable=each.unreadable) for each in texts
            )
        return exported
