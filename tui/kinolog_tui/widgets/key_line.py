"""The bottom line: the keys that work here. One widget that draws one line, so that going to a page costs little."""

from __future__ import annotations

from rich.text import Text
from textual.app import RenderResult
from textual.binding import Binding
from textual.dom import DOMNode
from textual.events import Click
from textual.screen import Screen
from textual.widgets import Static

from kinolog_tui.widgets.theme_styles import style


class KeyLine(Static):
    """Key and word of each binding that is to be shown; a click does what the key does."""

    def on_mount(self) -> None:
        """Other keys work when the focus moves."""
        self._ends: list[tuple[int, str]] = []
        self._shown: tuple[tuple[str, str, str], ...] = ()
        self.screen.bindings_updated_signal.subscribe(self, self._refresh_if_changed)

    def _refresh_if_changed(self, _: Screen[object]) -> None:
        if self._keys() != self._shown:
            self.refresh()

    def _keys(self) -> tuple[tuple[str, str, str], ...]:
        """The key as it is shown, words, and the key as it is pressed, each action once."""
        found: dict[str, tuple[str, str, str]] = {}
        for binding, enabled in self._bindings_in_order():
            if binding.show and enabled and binding.action not in found:
                key = self.app.get_key_display(binding)
                found[binding.action] = (key, binding.description, binding.key)
        return tuple(found.values())

    def _bindings_in_order(self) -> list[tuple[Binding, bool]]:
        """Those that are active, each in its place whatever its key: a changed one comes last in its widget's map."""
        active = [(one.node, one.binding, one.enabled) for one in self.screen.active_bindings.values()]
        if self.app._keymap:  # what holds has no other name in Textual
            nodes = list(dict.fromkeys(node for node, _, _ in active))
            active.sort(key=lambda one: (nodes.index(one[0]), _binding_index(one[0], one[1])))
        return [(binding, enabled) for _, binding, enabled in active]

    def render(self) -> RenderResult:
        """One line, cut where the terminal ends."""
        self._shown, self._ends = self._keys(), []
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        for key, words, pressed in self._shown:
            text.append(f" {key} ", style=style(self.app, "accent", bold=True))
            text.append(f"{words} ")
            self._ends.append((text.cell_len, pressed))
        return text

    def on_click(self, event: Click) -> None:
        """Press the key under the pointer."""
        for end, key in self._ends:
            if event.x < end:
                self.app.simulate_key(key)
                return


def _binding_index(node: DOMNode, binding: Binding) -> int:
    """Where it stands among the bindings of its widget as they came."""
    names = [
        one.id if one.id else one.action for _, one in node._bindings
    ]  # the map before any key was changed
    return names.index(binding.id if binding.id else binding.action)
