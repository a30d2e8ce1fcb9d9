"""Requests that a page or a tab starts without waiting, and whose answers it receives itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from textual.message_pump import MessagePump

from kinolog_client import GatewayError
from kinolog_tui.session.background import start_work
from kinolog_tui.session.keymap_app import fill_key_names
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.session.request_failure import RequestFailure

if TYPE_CHECKING:  # the application builds the pages
    from textual.dom import DOMNode
    from textual.screen import Screen

    from kinolog_tui.app import KinologApp

T = TypeVar("T")


class RequestOwner(MessagePump):
    """Base of pages and tabs. `request` starts a worker; its answer or failure is posted to the same node.

    It is no DOM node itself: Textual takes styles and bindings from the first base that is one.
    """

    @property
    def kinolog(self) -> KinologApp:
        """The application."""
        return cast("KinologApp", self.app)

    def request(self, key: str, call: Callable[[], Awaitable[object]]) -> None:
        """Start a call. A newer request with the same key cancels an older one.

        The result arrives as `RequestAnswered`. An error of the gateway, or of a file that the call writes, arrives as
        `RequestFailed`. Both carry `key`.
        """

        async def work() -> None:
            try:
                value = await call()
            except GatewayError as error:
                self.post_message(RequestFailed(key, RequestFailure.of(error)))
            except OSError as error:
                self.post_message(RequestFailed(key, RequestFailure.of_file(error)))
            else:
                self.post_message(RequestAnswered(key, value))

        start_work(self._node, work, key)

    def request_after(self, dialog: Screen[T], key: str, call: Callable[[T], Awaitable[object]]) -> None:
        """Show a dialog, unless this dashboard only looks. Pass its answer to a call, unless it is None or no."""

        def answered(answer: T | None) -> None:
            if answer:
                self.request(key, partial(call, answer))

        if self.kinolog.may_write():
            self.app.push_screen(dialog, answered)

    def requesting(self, *keys: str) -> bool:
        """Return whether a request with one of these keys is not answered yet."""
        return any(
            worker.node is self._node and worker.group in keys and not worker.is_finished
            for worker in self._node.workers
        )

    def on_request_failed(self, message: RequestFailed) -> None:
        """Show a message with the cause and the next step. While the server is away the banner shows it already."""
        failure = message.failure
        if failure.status is None and self.kinolog.link.state != "live":
            return
        if not self.kinolog.errors.allows(failure):
            return
        self.app.notify(
            f"{failure.text}\n{fill_key_names(self.app, failure.next_step)}",
            title="Not done",
            severity="error",
            markup=False,
        )

    @property
    def _node(self) -> DOMNode:
        return cast("DOMNode", self)
