"""Messages that workers post. Workers touch no widgets; only the handlers of these messages do."""

from __future__ import annotations

from textual.message import Message

from kinolog_client import AlarmInfo
from kinolog_tui.session.live_feed import FeedEvent
from kinolog_tui.session.request_failure import RequestFailure


class FeedEventReceived(Message):
    """The live feed has a batch of updates, or its connection changed."""

    def __init__(self, event: FeedEvent) -> None:
        super().__init__()
        self.event = event


class AlarmsReceived(Message):
    """The alarms that stand now."""

    def __init__(self, alarms: tuple[AlarmInfo, ...]) -> None:
        super().__init__()
        self.alarms = alarms


class RequestAnswered(Message, bubble=False):
    """A request of this node has its answer, `value`. `key` names the request."""

    def __init__(self, key: str, value: object) -> None:
        super().__init__()
        self.key = key
        self.value = value


class RequestFailed(Message, bubble=False):
    """A request of this node failed. `key` names the request."""

    def __init__(self, key: str, failure: RequestFailure) -> None:
        super().__init__()
        self.key = key
        self.failure = failure
