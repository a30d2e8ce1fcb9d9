"""SearchEvents and CountCommands: questions about the commits of all jobs. See decision 138."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from grpc import StatusCode

from kinolog.codec.commits import decode_commit
from kinolog.codec.times import time_to_proto
from kinolog.event_query.facts import commit_facts
from kinolog.event_query.grammar import parse_query
from kinolog.event_query.query import CommitFact, EventQuery, QueryField
from kinolog.event_query.words import InvalidQuery
from kinolog.job.commit import RecordedCommit
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.read_model import ReadModel
from kinolog.ports.search.event_search import EventSearch
from kinolog.privacy.origin_address import OriginAddress, address_hash, plain_address
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.audit.command_addresses import unsealed_addresses
from kinolog_api.audit.history import recorded_to_proto
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument
from kinolog_api.rpc.positions import require_position_in_log

DEFAULT_PAGE_SIZE = 100
DECODED_AT_ONCE = 20
"""Commits of a page that are decoded in one go: a millisecond."""
MAX_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Question:
    """A question, and the tenant whose commits it is about."""

    query: EventQuery
    tenant: str


class SearchEvents:
    """SearchEvents and CountCommands. `address_secret` is what the read models hash addresses under."""

    def __init__(
        self, store: EventStore, read_model: ReadModel, keys: KeyStore, clock: Clock, address_secret: bytes
    ) -> None:
        self._store = store
        self._read_model = read_model
        self._keys = keys
        self._clock = clock
        self._address_secret = address_secret

    async def search(self, request: pb.SearchEventsRequest, call: RpcCall) -> pb.SearchEventsResponse:
        """SearchEvents."""
        question = self._question(request.query, call)
        await self._wait_for(request.min_position, call)
        search = EventSearch(
            query=question.query,
            address_hashes=self._address_hashes(question),
            limit=request.page_size or DEFAULT_PAGE_SIZE,
            oldest_first=request.oldest_first,
            beyond=request.after or None,
        )
        found = await self._read_model.search_events(question.tenant, search)
        commits = await _decoded(found.commits)
        shown = [one for one in commits if one.position in found.with_address]
        addresses = await unsealed_addresses(shown, self._keys)
        answer = pb.SearchEventsResponse(next_position=found.next_position, position=found.position)
        for recorded in commits:
            if _answers(question, recorded, addresses.get(recorded.position)):
                answer.commits.append(_found(recorded, addresses.get(recorded.position)))
        return answer

    async def count_commands(
        self, request: pb.CountCommandsRequest, call: RpcCall
    ) -> pb.CountCommandsResponse:
        """CountCommands."""
        question = self._question(request.query, call)
        await self._wait_for(request.min_position, call)
        search = EventSearch(
            query=question.query,
            address_hashes=self._address_hashes(question),
            limit=request.limit or DEFAULT_PAGE_SIZE,
        )
        answer = pb.CountCommandsResponse()
        for count in await self._read_model.count_commands(question.tenant, search):
            row = answer.counts.add(
                actor=count.actor,
                command=count.command,
                commits=count.commits,
                first_position=count.first_position,
                last_position=count.last_position,
            )
            time_to_proto(row.first_at, count.first_at)
            time_to_proto(row.last_at, count.last_at)
        return answer

    def _question(self, text: str, call: RpcCall) -> _Question:
        """Return a question. Raises INVALID_ARGUMENT, and PERMISSION_DENIED for one about another tenant."""
        try:
            query = parse_query(text, self._clock())
        except InvalidQuery as error:
            raise invalid_argument([RequestViolation("query", str(error))], "BAD_QUERY") from None
        if query.tenant not in ("", call.tenant) and not call.every_tenant:
            message = f"this key does not belong to tenant {query.tenant}"
            raise RpcError(StatusCode.PERMISSION_DENIED, "OTHER_TENANT", message)
        return _Question(query, query.tenant or call.tenant)

    def _address_hashes(self, question: _Question) -> dict[str, int]:
        return {
            address: address_hash(self._address_secret, question.tenant, address)
            for address in question.query.addresses
        }

    async def _wait_for(self, position: int, call: RpcCall) -> None:
        if position:
            await require_position_in_log(self._store, position, "min_position")
            await self._read_model.wait_for(position, call.seconds_left(MAX_WAIT_SECONDS))


async def _decoded(commits: Sequence[ArchivedCommit]) -> list[RecordedCommit]:
    """Return the commits. Other calls have their turn meanwhile: a page may have 8 MiB."""
    decoded = []
    for number, one in enumerate(commits, 1):
        decoded.append(decode_commit(one.position, one.raw))
        if number % DECODED_AT_ONCE == 0:
            await asyncio.sleep(0)
    return decoded


def _answers(question: _Question, recorded: RecordedCommit, address: OriginAddress | None) -> bool:
    """Return whether a commit that was found by hashes is one of those that the question asks for."""
    commit = recorded.commit
    facts: set[CommitFact] = set(commit_facts(commit, commit.state.spec))
    if address is not None:
        facts.add((QueryField.ADDRESS, plain_address(address.address)))
    matches = question.query.matches(facts, commit.at, recorded.position)
    return matches and commit.tenant == question.tenant


def _found(recorded: RecordedCommit, address: OriginAddress | None) -> pb.FoundCommit:
    return pb.FoundCommit(
        job_id=recorded.commit.job_id,
        model=recorded.commit.state.spec.model,
        commit=recorded_to_proto(recorded, address),
    )
