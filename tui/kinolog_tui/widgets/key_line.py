"""The bottom line with the active keys. One widget draws it: a widget per key made page changes slow."""

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
    """Key and description of each visible binding. A click runs the binding."""

    def on_mount(self) -> None:
        """Draw again when the bindings change with the focus."""
        self._ends: list[tuple[int, str]] = []
        self._shown: tuple[tuple[str, str, str], ...] = ()
        self.screen.bindings_updated_signal.subscribe(self, self._refresh_if_changed)

    def _refresh_if_changed(self, _: Screen[object]) -> None:
        if self._keys() != self._shown:
            self.refresh()

    def _keys(self) -> tuple[tuple[str, str, str], ...]:
        """Return displayed key, description and pressed key of each binding, each action once."""
        found: dict[str, tuple[str, str, str]] = {}
        for binding, enabled in self._bindings_in_order():
            if binding.show and enabled and binding.action not in found:
                key = self.app.get_key_display(binding)
                found[binding.action] = (key, binding.description, binding.key)
        return tuple(found.values())

    def _bindings_in_order(self) -> list[tuple[Binding, bool]]:
        """Return the active bindings in their order of definition. Textual puts a binding with a changed key last."""
        active = [(one.node, one.binding, one.enabled) for one in self.screen.active_bindings.values()]
        if self.app._keymap:  # Textual has no public name for it
            nodes = list(dict.fromkeys(node for node, _, _ in active))
            active.sort(key=lambda one: (nodes.index(one[0]), _binding_index(one[0], one[1])))
        return [(binding, enabled) for _, binding, enabled in active]

    def render(self) -> RenderResult:
        """Render one line, cut at the width of the terminal."""
        self._shown, self._ends = self._keys(), []
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        for key, words, pressed in self._shown:
            text.append(f" {key} ", style=style(self.app, "accent", bold=True))
            text.append(f"{words} ")
            self._ends.append((text.cell_len, pressed))
        return text

    def on_click(self, event: Click) -> None:
        """Simulate the key under the pointer."""
        for end, key in self._ends:
            if event.x < end:
                self.app.simulate_key(key)
                return


def _binding_index(node: DOMNode, binding: Binding) -> int:
    """Return the index of a binding in the definition of its widget."""
    names = [
        one.id if one.id else one.action for _, one in node._bindings
    ]  # the definition, before keys were changed
    return names.index(binding.id if binding.id else binding.action)
