"""A stylesheet that parses each of its sources once for each theme."""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_MOST_THEMES, _MOST_SOURCES = 4, 128
_PARSED: LRUCache[frozenset[tuple[str, str]], LRUCache[tuple[object, ...], list[RuleSet]]] = LRUCache(
    _MOST_THEMES
)
"""The rules of each source, by the variables of the theme. Nothing changes rules."""


class ParsedStylesheet(Stylesheet):
    """Textual's stylesheet, which otherwise parses every source again whenever it computes all styles again.

    It does so three times before the first page is shown, and for each page that is opened for the first time.
    """

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._use_parsed()

    def set_variables(self, variables: dict[str, str]) -> None:
        """Use the variables of a theme. What was parsed with them before is used again."""
        self._parse_cache = LRUCache(1)  # the one of the last theme stays as it is
        super().set_variables(variables)
        self._use_parsed()

    def reparse(self) -> None:
        """Parse what was not parsed with these variables before. An error leaves the rules as they were."""
        self.parse()

    def _use_parsed(self) -> None:
        key = frozenset(self._variables.items())
        parsed = _PARSED.get(key)
        if parsed is None:
            parsed = _PARSED[key] = LRUCache(_MOST_SOURCES)
        self._parse_cache = parsed
