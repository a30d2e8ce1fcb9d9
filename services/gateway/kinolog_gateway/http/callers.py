"""The callers of requests: known from the key file, or asked of the api and remembered for a moment.

The api decides whether a key that it created is valid, or a token of an identity provider. The gateway remembers its
answer for two seconds, so a revoked key ends within seconds, and a key that is presented a hundred times a second costs
one call in that time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from kinolog.access.api_key import Scope
from kinolog.access.key_text import id_in_key, is_judged_by_api, is_ticket, is_token, key_digest
from kinolog.connections.line_budget import LineBudget
from kinolog.process.logs import fields
from kinolog_gateway.http.credentials import ApiKeys, HttpCaller
from kinolog_gateway.http.problems import HttpProblemError

logger = logging.getLogger(__name__)

REMEMBERED_SECONDS = 2.0
"""How long the api's answer for a valid key counts."""
REFUSED_SECONDS = 0.5
"""The same for a refusal. A key that was just created may not be known to every api yet."""
MAX_REMEMBERED = 2_000

Identify = Callable[[str], Awaitable[HttpCaller]]
"""Asks the api who presents a key. Raises `HttpProblemError`, with status 401 for a key that is not valid."""


@dataclass(frozen=True, slots=True)
class _KnownCaller:
    """What the api answered for a key, and until when that counts, on the monotonic clock."""

    caller: HttpCaller | None
    refusal: HttpProblemError | None
    until: float


class Callers:
    """Identifies callers. `ask` and `redeem` are set once the api's channel is open."""

    def __init__(self, file_keys: ApiKeys, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.file_keys = file_keys
        self.ask: Identify | None = None
        self.redeem: Identify | None = None
        """Exchanges a ticket, once, for the caller of a connection. Raises like `ask`."""
        self._monotonic = monotonic
        self._refusal_lines = LineBudget(monotonic)
        self._answers: OrderedDict[bytes, _KnownCaller] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_KnownCaller]] = {}

    @property
    def requires_key(self) -> bool:
        """Whether a request without a key is refused."""
        return bool(self.file_keys)

    async def identify(
        self, key: str | None, address: str = "", *, opens_connection: bool = False
    ) -> HttpCaller:
        """Return the caller that presents `key` from `address`. Raises `HttpProblemError`.

        With a ticket the caller of a connection is known by what the ticket is exchanged for. That of a file is not
        known here: the api judges the ticket in each call.
        """
        try:
            if key and is_ticket(key):
                caller = await self._ticket_caller(key, opens_connection=opens_connection)
            else:
                caller = await self._identified(key)
            return replace(caller, address=address)
        except HttpProblemError as refusal:
            self.log_refusal(refusal, key or "", address)
            raise

    def log_refusal(self, refusal: HttpProblemError, key: str, address: str) -> None:
        """Log that a request was refused because of its key, never with the key, unless there are too many."""
        if refusal.problem.status != 401:
            return
        left_out = self._refusal_lines.take(address)
        if left_out is not None:
            extra = fields(
                "login_refused",
                reason=refusal.problem.reason,
                key_id=id_in_key(key),
                client=address or "unknown",
                **({"left_out": left_out} if left_out else {}),
            )
            logger.warning("a request was refused: %s", refusal.problem.detail, extra=extra)

    async def check(self, key: str) -> None:
        """Raise `HttpProblemError` if the api does not accept a key that it created, or what a ticket became."""
        if self.ask is not None and (answer := await self._answer(key, self.ask)).refusal is not None:
            raise answer.refusal

    async def _ticket_caller(self, ticket: str, *, opens_connection: bool) -> HttpCaller:
        if not opens_connection:
            return HttpCaller(key=ticket, scopes=frozenset({Scope.READ}))
        if self.redeem is None:
            raise key_required()
        return await self.redeem(ticket)

    async def _identified(self, key: str | None) -> HttpCaller:
        known = self.file_keys.identify(key)
        if known is not None and (self.requires_key or not (key and is_judged_by_api(key))):
            return known
        if key is None or not (id_in_key(key) or is_token(key)) or self.ask is None:
            raise key_required()
        answer = await self._answer(key, self.ask)
        if answer.caller is None:
            raise answer.refusal or key_required()
        return answer.caller

    async def _answer(self, key: str, ask: Identify) -> _KnownCaller:
        digest = key_digest(key)
        remembered = self._answers.get(digest)
        if remembered is not None and self._monotonic() < remembered.until:
            return remembered
        asking = self._asking.get(digest)
        if asking is None:
            asking = asyncio.create_task(self._ask_api(digest, key, ask), name="who presents a key")
            self._asking[digest] = asking
            asking.add_done_callback(partial(self._forget, digest))
        return await asyncio.shield(asking)

    def _forget(self, digest: bytes, asking: asyncio.Task[_KnownCaller]) -> None:
        """Let the next request ask again, and read the error, which nobody may wait for any more."""
        self._asking.pop(digest, None)
        if not asking.cancelled():
            asking.exception()

    async def _ask_api(self, digest: bytes, key: str, ask: Identify) -> _KnownCaller:
        """Ask the api and remember the answer. An api that does not answer is asked again by the next request."""
        try:
            answer = _KnownCaller(await ask(key), None, self._monotonic() + REMEMBERED_SECONDS)
        except HttpProblemError as refusal:
            if refusal.problem.status != 401:
                raise
            answer = _KnownCaller(None, refusal, self._monotonic() + REFUSED_SECONDS)
        self._answers[digest] = answer
        self._answers.move_to_end(digest)
        if len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)
        return answer


def key_required(
    detail: str = "present an API key as Authorization: Bearer <key>, or as X-API-Key: <key>",
) -> HttpProblemError:
    """Return the refusal of a request without a valid key."""
    return HttpProblemError(401, "KEY_REQUIRED", detail, headers={"WWW-Authenticate": "Bearer"})
