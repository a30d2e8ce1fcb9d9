"""What workers tell the screens. Workers post these; only the handlers of these touch widgets."""

from __future__ import annotations

from textual.message import Message

from kinolog_client.live_feed import Told
from kinolog_client.rest import GatewayFailure


class FeedEventReceived(Message):
    """The live feed has something: a batch of messages, or how it is connected."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self.told = told


class RequestAnswered(Message):
    """A request that a screen made was answered. `key` says which one it was."""

    def __init__(self, key: str, value: object) -> None:
        super().__init__()
        self.key = key
        self.value = value


class RequestFailed(Message):
    """A request that a screen made was not done."""

    def __init__(self, key: str, trouble: GatewayFailure) -> None:
        super().__init__()
        self.key = key
        self.trouble = trouble
