"""How a watch judges a connection, in a world whose clock the test moves: when it polls, and when it gives up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf
from typing import Any

import pytest

from kinolog.process.backoff import Backoff
from kinolog_client import GatewayUnreachable, LinkState, LiveSettings
from kinolog_client.live.flow import LiveFlow
from kinolog_client.live.session import API_UNAVAILABLE, LiveSession
from kinolog_client.live.steps import (
    Call,
    Connect,
    ConnectionLost,
    Delay,
    Emit,
    PollDue,
    Receive,
    Step,
    Transmit,
)
from kinolog_client.live.watches import FeedWatch

SETTINGS = LiveSettings(reconnect=Backoff(first_seconds=0.5, longest_seconds=8.0))
END_SECONDS = 600.0
PONG = json.dumps({"type": "pong", "position": 0, "data": {"id": "1"}})


@dataclass(slots=True)
class LiveLink:
    """One connection. It answers pings for a time, brings texts, and ends."""

    answers_seconds: float = 0.0
    texts: tuple[str, ...] = (PONG,)
    ends_after_seconds: float = inf


@dataclass(slots=True)
class GatewayWorld:
    """Performs the steps of a flow. `connect` makes each connection; REST answers or not."""

    connect: Callable[[int], LiveLink]
    rest: bool
    rest_from: float = 0.0
    """Until then REST does not answer."""
    now: float = 0.0
    opened: list[float] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)
    pings: list[float] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    settings: LiveSettings = SETTINGS
    due: list[float] = field(default_factory=list)
    ended_pauses: int = 0
    """Pauses that the caller ends at once."""
    _link: LiveLink = field(default_factory=LiveLink)
    _texts: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Run the flow until `END_SECONDS`. Raises what the flow raises."""
        session = LiveSession()
        flow = LiveFlow(session, FeedWatch(session), self.settings, clock=lambda: self.now).run()
        result: Any = None
        error: Exception | None = None
        while self.now < END_SECONDS:
            step = flow.send(result) if error is None else flow.throw(error)
            result, error = None, None
            try:
                result = self._perform(step)
            except (ConnectionLost, GatewayUnreachable) as failure:
                error = failure

    def _perform(self, step: Step) -> str | bool | None:
        match step:
            case Connect():
                self._link = self.connect(len(self.opened))
                self._texts = list(self._link.texts)
                self.opened.append(self.now)
            case Transmit(text=text):
                if json.loads(text)["type"] == "ping":
                    self.pings.append(self.now)
                    if self.now - self.opened[-1] < self._link.answers_seconds:
                        self._texts.append(PONG)
            case Receive(seconds=seconds):
                return self._receive(seconds)
            case Delay() if self.ended_pauses:
                self.ended_pauses -= 1
                return True
            case Delay(seconds=seconds):
                self.now += seconds
            case Call():
                self.polls.append(self.now)
                if not self.rest or self.now < self.rest_from:
                    raise GatewayUnreachable("http://gateway", "connection refused")
            case Emit(event=LinkState(state=state)):
                self.links.append(state)
            case Emit(event=PollDue()):
                self.due.append(self.now)
        return None

    def _receive(self, seconds: float) -> str | None:
        if self._texts:
            return self._texts.pop(0)
        ends_at = self.opened[-1] + self._link.ends_after_seconds
        if self.now + seconds >= ends_at:
            self.now = max(self.now, ends_at)
            raise ConnectionLost("the connection ended")
        self.now += seconds
        return None


def longest_gap(times: Iterable[float]) -> float:
    """Return the longest time between two of them."""
    listed = sorted(times)
    return max(later - earlier for earlier, later in pairwise(listed))


UNAVAILABLE = json.dumps({"type": "error", "data": {"reason": API_UNAVAILABLE, "message": "no api"}})
FLICKERING = {
    "answers once, then is silent": LiveLink(),
    "answers once, then ends": LiveLink(ends_after_seconds=3.0),
    "says that it has no updates": LiveLink(texts=(UNAVAILABLE,)),
    "is silent": LiveLink(texts=()),
}


@pytest.mark.parametrize("link", FLICKERING.values(), ids=FLICKERING.keys())
def test_connections_that_flicker_do_not_hide_that_nothing_answers(link: LiveLink) -> None:
    """Each connection opens, and none is of use: after its time the watch raises the error of REST."""
    world = GatewayWorld(lambda _: link, rest=False)
    with pytest.raises(GatewayUnreachable):
        world.run()
    assert SETTINGS.give_up_seconds is not None
    assert SETTINGS.give_up_seconds <= world.now - world.polls[0] <= 2 * SETTINGS.give_up_seconds


@pytest.mark.parametrize("link", FLICKERING.values(), ids=FLICKERING.keys())
def test_connections_that_flicker_are_polled(link: LiveLink) -> None:
    """While REST answers nothing is given up, and what changes is read within seconds."""
    world = GatewayWorld(lambda _: link, rest=True)
    world.run()
    assert longest_gap((*world.polls, world.now)) <= 3 * SETTINGS.poll_seconds
    assert "polling" in world.links


def test_connections_that_bring_commits_are_not_given_up() -> None:
    """Each ends soon, but brings the next commit: the updates go on, although REST does not answer."""

    def connect(number: int) -> LiveLink:
        commit = json.dumps({"type": "job_status_update", "position": number + 1, "data": {}})
        return LiveLink(texts=(commit, PONG), ends_after_seconds=2.0)

    world = GatewayWorld(connect, rest=False)
    world.run()
    assert world.links.count("live") == len(world.opened) > 1


def test_a_connection_that_has_proved_itself_is_left_alone() -> None:
    """After a failure it is pinged often at first; once it has answered for a while, only when it is silent."""
    links = [LiveLink(ends_after_seconds=1.0), LiveLink(answers_seconds=inf)]
    world = GatewayWorld(lambda number: links[number], rest=True)
    world.run()
    assert len(world.opened) == 2
    assert world.links[-1] == "live"
    assert max(world.polls) < world.opened[1]
    proven_at = world.opened[1] + SETTINGS.stable_seconds
    later = [ping for ping in world.pings if ping > proven_at + SETTINGS.silence_seconds]
    assert {round(after - before, 3) for before, after in pairwise(later)} == {SETTINGS.silence_seconds}


LAZY = replace(SETTINGS, poll_seconds=8.0, give_up_seconds=None)
"""Times of a screen: it reads seldom, and pauses for as long."""


def test_a_connection_is_tried_as_soon_as_rest_answers_again() -> None:
    """The gateway has no updates and REST does not answer for a minute. Then the long pause is not waited for."""
    back = 61.3
    world = GatewayWorld(
        lambda _: LiveLink(answers_seconds=inf) if world.now >= back else LiveLink(texts=(UNAVAILABLE,)),
        rest=True,
        rest_from=back,
        settings=LAZY,
    )
    world.run()
    working = [opened for opened in world.opened if opened >= back]
    assert len(working) == 1
    assert working[0] - back <= LAZY.offline_seconds
    assert world.links[-1] == "live"
    away = [due for due in world.due if due < back]
    assert all(later - earlier >= LAZY.poll_seconds / 2 for earlier, later in pairwise(away[5:]))


def test_a_gateway_that_answers_without_a_connection_does_not_shorten_pauses() -> None:
    """REST answers all the time, as behind a proxy without WebSockets: the connection is tried as seldom as before."""
    world = GatewayWorld(lambda _: LiveLink(texts=(UNAVAILABLE,)), rest=True, settings=LAZY)
    world.run()
    pauses = [later - earlier for earlier, later in pairwise(world.opened)]
    assert {round(pause, 3) for pause in pauses[5:]} == {8.0}


def test_a_pause_that_the_caller_ends_is_over() -> None:
    """The rest of a long pause is not waited for, however many reads it has."""
    world = GatewayWorld(lambda _: LiveLink(texts=(UNAVAILABLE,)), rest=False, settings=LAZY)
    world.ended_pauses = 6
    world.run()
    assert world.opened[:7] == [0.0] * 7
