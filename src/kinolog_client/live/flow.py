"""The flow of a watch: live while a WebSocket works, else polling. Pure; a loop performs its steps.

A connection proves itself when it still answers after `stable_seconds`. Until then, after a failure, it is pinged
whenever it is silent for `poll_seconds`, REST is read while a ping has no answer, and the connection ends no series of
failures. So connections that open, answer once and fall silent are polled like those that do not open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from kinolog.process.backoff import Backoff
from kinolog_client.errors import GatewayError
from kinolog_client.live.session import LiveSession, pause_cause
from kinolog_client.live.steps import (
    Connect,
    ConnectionLost,
    Delay,
    Disconnect,
    Emit,
    Flow,
    LinkState,
    LiveEvent,
    PollDue,
    Receive,
    Transmit,
)
from kinolog_client.live.watches import Watch

ROUNDING_SECONDS = 1e-6
_RECONNECT = Backoff(first_seconds=0.5, longest_seconds=8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """Times of a watch, in seconds."""

    open_seconds: float = 5.0
    """How long opening the connection may take."""
    silence_seconds: float = 15.0
    """A connection without a message for this long is pinged."""
    pong_seconds: float = 10.0
    """How long the answer to a ping may take. Then the connection counts as broken."""
    stable_seconds: float = 10.0
    """A connection proves itself if it answers for this long. One that does not is one more failure in a row."""
    poll_seconds: float = 1.0
    """Time between two reads over REST while there is no live connection."""
    offline_seconds: float = 1.0
    """Time between two reads while REST does not answer either. The first answer ends the pause."""
    give_up_seconds: float | None = 30.0
    """How long REST may fail until its error is raised, while no connection proves itself or brings a commit.

    None waits without a limit.
    """
    reconnect: Backoff = _RECONNECT
    """Pauses before the connection is tried again."""


class LiveFlow:
    """Runs one watch. Emits `LinkState` and what the watch emits."""

    def __init__(
        self,
        session: LiveSession,
        watch: Watch,
        settings: LiveSettings,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._session = session
        self._watch = watch
        self._settings = settings
        self._clock = clock
        self._failures = 0
        self._away_since: float | None = None
        self._rest_answers = True

    def run(self) -> Flow[None]:
        """Watch until the watch ends. Raises `GatewayError`."""
        yield Emit(LinkState("connecting"))
        yield from self._emit((yield from self._watch.start()))
        while not self._watch.ended:
            cause = "the connection ended"
            try:
                yield Connect(self._settings.open_seconds)
                yield from self._receive()
            except ConnectionLost as error:
                cause = str(error)
            self._session.on_disconnected()
            yield Disconnect()
            self._failures += 1
            yield from self._poll_until_reconnect(cause)

    def _receive(self) -> Flow[None]:
        """Receive until the watch ends. Raises `ConnectionLost`."""
        settings, session = self._settings, self._session
        session.on_connected()
        yield from self._transmit()
        proven_at = self._clock() + settings.stable_seconds
        live, pinged, silent_seconds = False, True, 0.0
        while not self._watch.ended:
            doubtful = self._failures > 0
            quiet_seconds = settings.poll_seconds if doubtful else settings.silence_seconds
            limit = settings.pong_seconds if pinged else quiet_seconds
            seconds = limit - silent_seconds
            if doubtful:
                seconds = min(seconds, settings.poll_seconds)
            text = yield Receive(seconds)
            if text is not None:
                pinged, silent_seconds, position = False, 0.0, session.position
                message = session.on_text(text)
                yield from self._transmit()
                if cause := pause_cause(message):
                    raise ConnectionLost(cause)  # what it misses is read over REST until updates come again
                if self._clock() >= proven_at:
                    self._failures, self._away_since = 0, None
                elif session.position != position:
                    self._away_since = None
                if not live:
                    live = True
                    yield Emit(LinkState("live"))
                if message is not None:
                    yield from self._emit(self._watch.receive(message))
                continue
            silent_seconds += seconds
            if silent_seconds >= limit - ROUNDING_SECONDS:
                if pinged:
                    raise ConnectionLost(f"no answer to a ping for {settings.pong_seconds:g} s")
                session.ping()
                yield from self._transmit()
                pinged, silent_seconds = True, 0.0
            elif doubtful:
                live = False
                yield from self._poll("no answer to a ping yet")

    def _transmit(self) -> Flow[None]:
        for text in self._session.take_outgoing():
            yield Transmit(text)

    def _emit(self, events: Iterable[LiveEvent]) -> Flow[None]:
        for event in events:
            yield Emit(event)

    def _poll_until_reconnect(self, cause: str) -> Flow[None]:
        """Read over REST until the connection is to be tried again, or the watch ends.

        If REST answers again, the gateway and its api are back: the connection is tried at once, and the pauses of
        its next failures start short again.
        """
        settings = self._settings
        left_seconds, due_seconds = settings.reconnect.seconds(self._failures), 0.0
        while left_seconds > ROUNDING_SECONDS and not self._watch.ended:
            did_answer, is_due = self._rest_answers, due_seconds <= ROUNDING_SECONDS
            due_seconds = settings.poll_seconds if is_due else due_seconds
            yield from self._poll(cause, is_due=is_due)
            if self._watch.ended:
                return
            if self._rest_answers and not did_answer:
                self._failures = 1
                return
            seconds = min(left_seconds, due_seconds)
            seconds = seconds if self._rest_answers else min(seconds, settings.offline_seconds)
            if (yield Delay(seconds)):
                return
            left_seconds, due_seconds = left_seconds - seconds, due_seconds - seconds

    def _poll(self, cause: str, *, is_due: bool = True) -> Flow[None]:
        """Read once over REST. Raises the error of REST if it is fatal, or has lasted too long.

        A screen loads again if REST answers or if the read `is_due`, not at each try to reach a server that is away.
        """
        events: list[LiveEvent] = []
        try:
            events = yield from self._watch.poll()
        except GatewayError as error:
            if self._watch.is_fatal(error) or self._away_too_long():
                raise
            self._rest_answers = False
            yield Emit(LinkState("offline", cause, error))
        else:
            self._away_since, self._rest_answers = None, True
            yield Emit(LinkState("polling", cause))
        yield from self._emit(events)
        if is_due or self._rest_answers:
            yield Emit(PollDue())

    def _away_too_long(self) -> bool:
        now, limit = self._clock(), self._settings.give_up_seconds
        if self._away_since is None:
            self._away_since = now
        return limit is not None and now - self._away_since >= limit
