"""The bottom line with the active keys. One widget draws it: a widget per key made page changes slow."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual.app import RenderResult
from textual.binding import Binding
from textual.dom import DOMNode
from textual.events import Click
from textual.screen import Screen
from textual.widgets import Static

from kinolog_tui.widgets.theme_styles import style


class ShownKey(NamedTuple):
    """A key on the line. `is_global` marks those of the application, which always have their place."""

    key: str
    description: str
    pressed: str
    is_global: bool

    @property
    def cells(self) -> int:
        """Cells that it takes."""
        return cell_len(self.key) + cell_len(self.description) + 3


class KeyLine(Static):
    """Key and description of each visible binding: first those of the focused widget, last those of the application.

    What would do nothing now is left out: while a dialog is open, every key of the page below. If they do not fit, the
    last ones before the application's are left out.
    A click runs the binding.
    """

    def on_mount(self) -> None:
        """Draw again when the bindings change with the focus."""
        self._ends: list[tuple[int, str]] = []
        self._shown: tuple[ShownKey, ...] = ()
        self.screen.bindings_updated_signal.subscribe(self, self._refresh_if_changed)

    def _refresh_if_changed(self, _: Screen[object]) -> None:
        if self._keys() != self._shown:
            self.refresh()

    def _keys(self) -> tuple[ShownKey, ...]:
        """Return each action once, in order."""
        found: dict[str, ShownKey] = {}
        focused = self.screen.focused
        unusable: frozenset[str] = getattr(self.screen, "hidden_actions", frozenset())
        for node, binding, enabled in self._bindings_in_order():
            names = {binding.action, binding.action.partition("(")[0]}
            shows = binding.show and enabled and binding.action not in found
            if shows and unusable.isdisjoint(names):
                key = self.app.get_key_display(binding)
                if (
                    focused is not None
                    and key.isascii()
                    and len(key) == 1
                    and focused.check_consume_key(key, key)
                ):
                    continue  # it is typed; Textual does not know the characters of all keys
                found[binding.action] = ShownKey(key, binding.description, binding.key, node is self.app)
        late: frozenset[str] = getattr(self.screen, "late_actions", frozenset())
        late_ones = {one for action, one in found.items() if action.partition("(")[0] in late}
        return tuple(sorted(found.values(), key=lambda one: (one.is_global, one in late_ones)))

    def _bindings_in_order(self) -> list[tuple[DOMNode, Binding, bool]]:
        """Return the active bindings in their order of definition. Textual puts a binding with a changed key last."""
        active = [(one.node, one.binding, one.enabled) for one in self.screen.active_bindings.values()]
        if self.app._keymap:  # Textual has no public name for it
            nodes = list(dict.fromkeys(node for node, _, _ in active))
            active.sort(key=lambda one: (nodes.index(one[0]), _binding_index(one[0], one[1])))
        return active

    def _fitting(self, width: int) -> list[ShownKey]:
        """Return the keys that fit into `width` cells."""
        last = [one for one in self._shown if one.is_global]
        room = width - sum(one.cells for one in last)
        fitting = []
        for one in self._shown:
            room -= 0 if one.is_global else one.cells
            if one.is_global or room >= 0:
                fitting.append(one)
        return fitting

    def render(self) -> RenderResult:
        """Render one line."""
        covered = self.app.screen is not self.screen
        self._shown, self._ends = () if covered else self._keys(), []
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        for key, words, pressed, _ in self._fitting(self.size.width):
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
