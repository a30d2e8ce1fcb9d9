"""SearchReads: questions about who read what."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from grpc import StatusCode

from kinolog.codec.reads.read_batches import read_to_proto
from kinolog.event_query.words import InvalidQuery
from kinolog.ports.clock import Clock
from kinolog.ports.keys import KeyStore
from kinolog.privacy.origin_address import OriginAddress, plain_address, unseal_address
from kinolog.privacy.sealer import Sealer, UnsealFailed
from kinolog.process.logs import fields
from kinolog.reads.read_log import ReadHistory, ReadPlace, ReadSearch, StoredRead
from kinolog.reads.read_query import ReadQuery, parse_read_query
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument

logger = logging.getLogger(__name__)

DEFAULT_PAGE_SIZE = 100
ADDRESS_PAGE = 2_000
"""Reads that one page of a question about an address looks through: addresses are compared after they are unsealed."""
_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")
_UNKNOWN = OriginAddress("", "")


async def note_live_read(request: pb.NoteLiveReadRequest, call: RpcCall) -> pb.NoteLiveReadResponse:
    """NoteLiveRead. The recorder of reads notes it, as it notes every call of this method."""
    return pb.NoteLiveReadResponse()


class SearchReads:
    """Answers from the archived reads of one tenant."""

    def __init__(self, history: ReadHistory, keys: KeyStore, clock: Clock) -> None:
        self._history = history
        self._keys = keys
        self._clock = clock

    async def search(self, request: pb.SearchReadsRequest, call: RpcCall) -> pb.SearchReadsResponse:
        """SearchReads."""
        query = self._query(request.query, call)
        limit = request.page_size or DEFAULT_PAGE_SIZE
        looked = ADDRESS_PAGE if query.address_conditions else limit
        search = ReadSearch(
            query=query,
            limit=looked + 1,
            oldest_first=request.oldest_first,
            beyond=_place(request.after),
        )
        found = await self._history.search(query.tenant or call.tenant, search)
        page = found[:looked]
        addresses = await self._addresses(page)
        answer = pb.SearchReadsResponse()
        last = None
        for stored in page:
            if len(answer.reads) == limit:
                break
            last, address = stored.place, addresses.get(stored.place, _UNKNOWN)
            if _holds(query, address):
                answer.reads.append(_found(stored, address))
        if last is not None and last != found[-1].place:
            answer.next_cursor = f"{last.batch}.{last.index}"
        return answer

    def _query(self, text: str, call: RpcCall) -> ReadQuery:
        """Return a question. Raises INVALID_ARGUMENT, and PERMISSION_DENIED for one about another tenant."""
        try:
            query = parse_read_query(text, self._clock())
        except InvalidQuery as error:
            raise invalid_argument([RequestViolation("query", str(error))], "BAD_QUERY") from None
        if query.tenant not in ("", call.tenant) and not call.every_tenant:
            message = f"this key does not belong to tenant {query.tenant}"
            raise RpcError(StatusCode.PERMISSION_DENIED, "OTHER_TENANT", message)
        return query

    async def _addresses(self, page: Sequence[StoredRead]) -> dict[ReadPlace, OriginAddress]:
        """Return the addresses by place, without those whose key is deleted, or made again. Raises `LogUnavailable`."""
        key_ids = {stored.address_key for stored in page if stored.read.sealed_address is not None}
        keys = await self._keys.get_many(sorted(key_ids)) if key_ids else {}
        sealers = {key_id: Sealer(key_id, key) for key_id, key in keys.items()}
        addresses, unreadable = {}, 0
        for stored in page:
            sealed, sealer = stored.read.sealed_address, sealers.get(stored.address_key)
            if sealed is None or sealer is None:
                continue
            try:
                addresses[stored.place] = unseal_address(sealed, sealer)
            except UnsealFailed:
                unreadable += 1
        if unreadable:
            logger.warning(
                "addresses of readers do not unseal: after a restore the key of their month is another one",
                extra=fields("seal_broken", reads=unreadable),
            )
        return addresses


def _holds(query: ReadQuery, address: OriginAddress) -> bool:
    plain = plain_address(address.address)
    return all((plain in one.values) is not one.excludes for one in query.address_conditions)


def _place(cursor: str) -> ReadPlace | None:
    """Return the place that a cursor names; None for none. Raises INVALID_ARGUMENT."""
    if not cursor:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        text = "is not the next_cursor of a page of this question"
        raise invalid_argument([RequestViolation("after", text)])
    return ReadPlace(int(match.group(1)), int(match.group(2)))


def _found(stored: StoredRead, address: OriginAddress) -> pb.FoundRead:
    read = read_to_proto(stored.read)
    read.ClearField("sealed_address")
    return pb.FoundRead(
        batch=stored.place.batch,
        index=stored.place.index,
        read=read,
        address=address.address,
        via=address.via,
    )
