"""The dialog of the server's webhooks: what they are told, what became of it, and what can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kinolog_client import (
    DeletedWebhookInfo,
    DeliveryInfo,
    DeliveryListInfo,
    RedeliveryInfo,
    WebhookInfo,
    WebhookListInfo,
    WebhookWithSecretInfo,
)
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.confirm import ConfirmDialog
from kinolog_tui.screens.dialogs.dialog import Dialog
from kinolog_tui.screens.dialogs.secret import SecretDialog
from kinolog_tui.screens.request_owner import RequestOwner
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import ago, plain, short_id

OF_JOBS = "addresses that single jobs name"
SHOWN = 50
"""Deliveries that are shown, the newest."""
STATE_MARKS = {"delivered": "●", "pending": "◌", "failed": "○"}


class WebhooksDialog(RequestOwner, Dialog[None]):
    """Lists the webhooks, and the deliveries of the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss", "Close"),
        key_binding("webhooks.new", "new", "New"),
        key_binding("webhooks.redeliver", "redeliver", "Send again"),
        key_binding("webhooks.rotate", "rotate", "Other secret"),
        key_binding("webhooks.delete", "delete", "Delete"),
        key_binding("everywhere.next", "app.focus_next", "Next list"),
    ]

    _webhooks: tuple[WebhookInfo, ...] = ()
    _deliveries: tuple[DeliveryInfo, ...] = ()

    def body(self) -> ComposeResult:
        """Two lists, one over the other."""
        with Vertical(classes="dialog webhooks") as dialog:
            dialog.border_title = "Webhooks"
            yield OptionList(id="webhooks")
            yield Static("", id="facts")
            yield OptionList(id="deliveries")

    def on_mount(self) -> None:
        """Request the webhooks."""
        self._load()

    def _load(self) -> None:
        self.request("webhooks", self.kinolog.client.webhooks)

    def _load_deliveries(self, webhook: WebhookInfo) -> None:
        self.request("deliveries", partial(self.kinolog.client.deliveries, webhook.webhook_id, limit=SHOWN))

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show what the server answered."""
        match message.value:
            case WebhookListInfo() as listed:
                self._show_webhooks(listed.webhooks)
            case DeliveryListInfo() as listed:
                self._show_deliveries(listed.deliveries)
            case WebhookWithSecretInfo() as made:
                words = "It signs the calls. kinolog webhooks secret shows it again."
                self.app.push_screen(SecretDialog(f"Secret of {_label(made)}", made.secret, words))
                self._load()
            case DeletedWebhookInfo() as deleted:
                self.notify(f"{deleted.webhook_id} is deleted", title="Deleted")
                self._load()
            case RedeliveryInfo():
                self.notify("the message is sent again", title="Webhooks")
                if (webhook := self._webhook) is not None:
                    self._load_deliveries(webhook)

    def on_request_failed(self, message: RequestFailed) -> None:
        """Show why the lists cannot be shown in their place. Other failures become a message."""
        if message.key in ("webhooks", "deliveries"):
            message.prevent_default()  # no message
            self._show_facts(f"they cannot be listed: {message.failure.text}")

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        """Show the facts and the deliveries of the webhook under the cursor."""
        webhook = self._webhook
        if message.option_list.id == "webhooks" and webhook is not None:
            self._show_facts(_facts(webhook))
            self._load_deliveries(webhook)

    def action_new(self) -> None:
        """Ask for the address and the events of a new webhook, and make it."""
        from kinolog_tui.screens.dialogs.new_webhook import NewWebhookDialog

        self.request_after(
            NewWebhookDialog(),
            "change",
            lambda asked: self.kinolog.client.create_webhook(asked.address, events=asked.events),
        )

    def action_rotate(self) -> None:
        """Replace the secret of a webhook, after a confirmation."""
        if (webhook := self._webhook) is not None:
            words = f"{_label(webhook)}: calls are signed with both secrets for a day, then with the new one alone."
            self.request_after(
                ConfirmDialog("Replace the secret of this webhook?", words, "Replace"),
                "change",
                lambda _: self.kinolog.client.rotate_webhook_secret(webhook.webhook_id),
            )

    def action_delete(self) -> None:
        """Delete a webhook, after a confirmation."""
        webhook = self._webhook
        if webhook is None:
            return
        if not webhook.address:
            self.notify("it signs what single jobs send, and stays", severity="warning")
            return
        words = f"{_label(webhook)}: its address and its secret are erased, and nothing more is sent to it."
        self.request_after(
            ConfirmDialog("Delete this webhook?", words, "Delete"),
            "change",
            lambda _: self.kinolog.client.delete_webhook(webhook.webhook_id),
        )

    def action_redeliver(self) -> None:
        """Send the message of the delivery under the cursor again."""
        at = self.query_one("#deliveries", OptionList).highlighted
        if at is None or at >= len(self._deliveries):
            self.notify("there is no message to send again", severity="warning")
        elif self.kinolog.may_write():
            one = self._deliveries[at]
            self.request("change", partial(self.kinolog.client.redeliver, one.webhook_id, one.delivery_id))

    @property
    def _webhook(self) -> WebhookInfo | None:
        """The webhook under the cursor."""
        at = self.query_one("#webhooks", OptionList).highlighted
        return self._webhooks[at] if at is not None and at < len(self._webhooks) else None

    def _show_webhooks(self, webhooks: Sequence[WebhookInfo]) -> None:
        self._webhooks = tuple(webhooks)
        options = self.query_one("#webhooks", OptionList)
        before = options.highlighted or 0
        options.clear_options()
        options.add_options(Text(_line(webhook), no_wrap=True, overflow="ellipsis") for webhook in webhooks)
        self._show_deliveries(())
        if webhooks:
            options.highlighted = min(before, len(webhooks) - 1)
        else:
            self._show_facts("This server calls no webhook yet.")

    def _show_deliveries(self, deliveries: Sequence[DeliveryInfo]) -> None:
        self._deliveries = tuple(deliveries)
        options = self.query_one("#deliveries", OptionList)
        before = options.highlighted or 0
        options.clear_options()
        options.add_options(_delivery_line(one) for one in deliveries)
        if deliveries:
            options.highlighted = min(before, len(deliveries) - 1)

    def _show_facts(self, words: str) -> None:
        self.query_one("#facts", Static).update(Text(words))


def _label(webhook: WebhookInfo) -> str:
    return webhook.name or webhook.address or OF_JOBS


def _line(webhook: WebhookInfo) -> str:
    mark = "●" if webhook.disabled_at is None else "○"
    return " ".join(filter(None, (mark, plain(webhook.name or ""), plain(webhook.address or OF_JOBS))))


def _facts(webhook: WebhookInfo) -> str:
    if webhook.disabled_at is not None:
        return f"switched off, since {plain(webhook.disabled_reason)}"
    about = f"told of {', '.join(webhook.events)}" if webhook.events else "told of the ends of these jobs"
    who = f", of {plain(webhook.actor)}" if webhook.actor else ""
    form = f", in the format of {webhook.format}" if webhook.format != "kinolog" else ""
    return about + who + form


def _delivery_line(one: DeliveryInfo) -> Option:
    last = one.attempts[-1] if one.attempts else None
    answer = (last.error or str(last.status_code)) if last else "not tried yet"
    tries = f"{len(one.attempts)} tries, " if len(one.attempts) > 1 else ""
    words = (
        f"{STATE_MARKS.get(one.state, ' ')} {one.event:<14} {short_id(one.job_id)}  "
        f"{ago(one.created_at, clock.now()):>6} ago  {tries}{plain(answer)}"
    )
    return Option(Text(words, no_wrap=True, overflow="ellipsis"))
