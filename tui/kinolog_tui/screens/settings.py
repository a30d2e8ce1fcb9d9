"""Settings: server, theme, refresh interval, notifications; saved in the platform's config folder."""

from __future__ import annotations

from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Checkbox, Input, Label, Select, Static

from kinolog_client import ApiKeyInfo, CreatedKeyInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.confirm import ConfirmDialog
from kinolog_tui.screens.page import Page
from kinolog_tui.session.issued_keys import IssuedKeys, read_issued_keys
from kinolog_tui.session.job_list_filter import PAGE_SIZES
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.session.preferences import PICTURES, REFRESH_SECONDS, Preferences
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import short_path
from kinolog_tui.widgets.api_key_list import ApiKeyList
from kinolog_tui.widgets.check_list import TickBox
from kinolog_tui.widgets.key_table import KeyTable

PICTURE_MODES = {
    "auto": "as the terminal can",
    "blocks": "in half blocks",
    "sixel": "as sixels",
    "kitty": "by kitty's graphics",
}


class SettingsPage(Page):
    """The form of preferences."""

    NUMBER = "5"
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("settings.save", "save", "Save"),
        key_binding("settings.reset", "reset", "Reset"),
        key_binding("settings.keys", "keys", "Keys"),
        key_binding("settings.new_key", "create_api_key", "New API key", show=False),
        key_binding("settings.revoke_key", "revoke_api_key", "Revoke an API key", show=False),
        key_binding("settings.webhooks", "webhooks", "Webhooks", show=False),
        key_binding("everywhere.next", "app.focus_next", "Next field"),
        key_binding("everywhere.back", "leave", "Leave field", show=False),
        key_binding("everywhere.down", "app.focus_next", "Next", show=False),
        key_binding("everywhere.up", "app.focus_previous", "Previous", show=False),
    ]

    _issued: tuple[ApiKeyInfo, ...] = ()
    """The API keys that the server lists."""

    def body(self) -> ComposeResult:
        """The form beside the table of keys."""
        with Horizontal():
            with VerticalScroll(id="choices", can_focus=False):
                yield from self._line("server", Input(id="url", compact=True))
                yield from self._line("API key", Input(id="key", password=True, compact=True), "line -close")
                yield ApiKeyList(id="given-out")
                themes = [(name, name) for name in sorted(self.app.available_themes)]
                yield from self._line("theme", Select(themes, allow_blank=False, id="theme", compact=True))
                times = [(f"every {seconds} s", seconds) for seconds in REFRESH_SECONDS]
                yield from self._line("refresh", Select(times, allow_blank=False, id="refresh", compact=True))
                sizes = [(f"{rows} rows", rows) for rows in PAGE_SIZES]
                yield from self._line("job list", Select(sizes, allow_blank=False, id="rows", compact=True))
                ways = [(PICTURE_MODES[way], way) for way in PICTURES]
                yield from self._line("videos", Select(ways, allow_blank=False, id="pictures", compact=True))
                yield from self._line(
                    "messages", TickBox("a word when a job ends", id="toasts", compact=True)
                )
                yield from self._line("bell", TickBox("and a sound", id="bell", compact=True))
                yield from self._line(
                    "read only", TickBox("look, change nothing", id="read-only", compact=True)
                )
                with Horizontal(classes="buttons"):
                    yield Button(self._save_label(), variant="primary", id="save", compact=True)
                    yield Button("Reset", id="reset", compact=True)
                    yield Button("Keys …", id="change-keys", compact=True)
                yield Static(id="about")
            yield VerticalScroll(KeyTable(), id="keys", can_focus=False)

    @staticmethod
    def _line(
        name: str, field: Input | Select[int] | Select[str] | Checkbox, classes: str = "line"
    ) -> ComposeResult:
        with Horizontal(classes=classes):
            yield Label(name)
            yield field

    def _save_label(self) -> str:
        return f"Save ({key_label(self.app, 'settings.save')})"

    def on_mount(self) -> None:
        """Fill in the current preferences."""
        self._fill(self.kinolog.preferences)
        self.query_one("#about", Static).update(self._about())

    def load(self) -> None:
        """Request the keys that the server issued."""
        self.request("keys", partial(read_issued_keys, self.kinolog.client))

    def redraw(self) -> None:
        """Show the current theme and keys."""
        self.query_one("#theme", Select).value = self.app.theme
        self.query_one(KeyTable).redraw()

    def draw_key_names(self) -> None:
        """Keys are named on the button and in the table too."""
        super().draw_key_names()
        self.query_one("#save", Button).label = self._save_label()
        self.query_one(KeyTable).redraw()

    def _fill(self, preferences: Preferences) -> None:
        self.query_one("#url", Input).value = preferences.url or self.kinolog.client.url
        self.query_one("#key", Input).value = preferences.api_key
        self.query_one("#theme", Select).value = self.app.theme
        self.query_one("#refresh", Select).value = preferences.refresh_seconds
        self.query_one("#rows", Select).value = preferences.page_size
        self.query_one("#pictures", Select).value = preferences.pictures
        self.query_one("#toasts", Checkbox).value = preferences.toasts
        self.query_one("#bell", Checkbox).value = preferences.bell
        self.query_one("#read-only", Checkbox).value = preferences.read_only

    def _about(self) -> Text:
        try:
            number = version("kinolog")
        except PackageNotFoundError:
            number = "from source"
        text = Text()
        text.append(f"kinolog {number}", style="bold")
        text.append(f", settings in {short_path(self.kinolog.store.file)}")
        return text

    def form_preferences(self) -> Preferences:
        """Return the preferences in the form."""
        url = self.query_one("#url", Input).value.strip()
        return Preferences(
            url="" if url == self.kinolog.default_url else url,
            api_key=self.query_one("#key", Input).value.strip(),
            theme=str(self.query_one("#theme", Select).value),
            refresh_seconds=int(str(self.query_one("#refresh", Select).value)),
            toasts=self.query_one("#toasts", Checkbox).value,
            bell=self.query_one("#bell", Checkbox).value,
            read_only=self.query_one("#read-only", Checkbox).value,
            page_size=int(str(self.query_one("#rows", Select).value)),
            pictures=str(self.query_one("#pictures", Select).value),
            keys=self.kinolog.preferences.keys,
        )

    @on(Select.Changed, "#theme")
    def _preview_theme(self, message: Select.Changed) -> None:
        """Apply the theme before it is saved."""
        if message.value in self.app.available_themes:
            self.app.theme = str(message.value)

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        if message.button.id == "save":
            self.action_save()
        elif message.button.id == "reset":
            self.action_reset()
        else:
            self.action_keys()

    def action_keys(self) -> None:
        """Open the dialog that changes keys. It is imported here, because few people open it."""
        from kinolog_tui.screens.dialogs.keys import KeysDialog

        self.app.push_screen(KeysDialog())

    def action_webhooks(self) -> None:
        """Open the dialog of webhooks. It is imported here, because few people open it."""
        from kinolog_tui.screens.dialogs.webhooks import WebhooksDialog

        self.app.push_screen(WebhooksDialog())

    def action_create_api_key(self) -> None:
        """Ask for the actor and the scopes of a new API key, and make it."""
        from kinolog_tui.screens.dialogs.api_keys import NewKeyDialog

        self.request_after(
            NewKeyDialog(),
            "create-key",
            lambda asked: self.kinolog.client.create_key(asked.actor, scopes=asked.scopes),
        )

    def action_revoke_api_key(self) -> None:
        """Choose an API key, and revoke it after a confirmation."""
        from kinolog_tui.screens.dialogs.api_keys import ChooseKeyDialog, key_words

        live = {key.key_id: key for key in self._issued if key.revoked_at is None}

        def chosen(key_id: str | None) -> None:
            if key_id is not None:
                words = f"{key_words(live[key_id])}: its calls are refused at once, for good, and its streams end."
                dialog = ConfirmDialog("Revoke this API key?", words, "Revoke")
                self.request_after(dialog, "revoke-key", lambda _: self.kinolog.client.revoke_key(key_id))

        if not live:
            self.notify("there is no API key to revoke", severity="warning")
        elif self.kinolog.may_write():
            self.app.push_screen(ChooseKeyDialog(list(live.values())), chosen)

    def action_save(self) -> None:
        """Save and apply the form."""
        preferences = self.form_preferences()

        async def save() -> Preferences:
            self.kinolog.store.save(preferences)
            return preferences

        self._apply(preferences)
        self.request("save", save)

    def action_reset(self) -> None:
        """Reset to the defaults, after a confirmation: address, API key and keys would have to be typed again."""

        async def reset() -> Preferences:
            return self.kinolog.store.reset()

        def answered(yes: bool | None) -> None:
            if yes:
                self.request("reset", reset)

        words = f"Server, API key, theme and keys get their defaults; {short_path(self.kinolog.store.file)} is deleted."
        self.app.push_screen(ConfirmDialog("Reset all settings?", words, "Reset"), answered)

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Report that the preferences were saved or reset, or show the server's keys."""
        match message.value:
            case CreatedKeyInfo() as created:
                self._show_secret(created)
            case ApiKeyInfo() as revoked:
                self.notify(f"{revoked.key_id} is revoked", title="Revoked")
                self.load()
            case IssuedKeys() as answer:
                self._issued = answer.keys
                self.query_one(ApiKeyList).show(answer, clock.now())
            case Preferences() as preferences:
                if message.key == "reset":
                    self._apply(preferences)
                    self._fill(preferences)
                self._report(saved=message.key == "save")

    def _show_secret(self, created: CreatedKeyInfo) -> None:
        from kinolog_tui.screens.dialogs.secret import SecretDialog

        words = "It is shown once: nobody can read it again."
        self.app.push_screen(SecretDialog(f"API key of {created.actor}", created.secret, words))
        self.load()

    def _report(self, *, saved: bool) -> None:
        text, title = (
            (short_path(self.kinolog.store.file), "Saved") if saved else ("as before any choice", "Reset")
        )
        self.notify(text, title=title)

    def on_request_failed(self, message: RequestFailed) -> None:
        """Show why the server's keys cannot be listed. Other failures become a message."""
        if message.key == "keys":
            message.prevent_default()  # no message
            self.query_one(ApiKeyList).show_message(f"its keys cannot be listed: {message.failure.text}")

    def _apply(self, preferences: Preferences) -> None:
        before = self.kinolog.client
        self.kinolog.apply_preferences(preferences)
        self.draw_key_names()
        self.refresh_key_names()
        if self.kinolog.client is not before:
            self.load()

    def action_leave(self) -> None:
        """Leave the field, so that the number keys go to pages."""
        self.set_focus(None)
