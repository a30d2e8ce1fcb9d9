"""Free texts: which are blank, which characters no text may hold, and how a stored text is shown on a terminal. Pure.

One rule for every surface. A text without a visible character counts as empty. A control character (other than tab and
newline, where a field has lines), a line or paragraph separator, and a control of the writing direction are refused:
they drive the terminal of whoever lists jobs, or show a text in another order than it has. See decision 51.
"""

from __future__ import annotations

import re

_INVISIBLE = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
"""White space, controls, and characters of no width or without ink."""
_DIRECTIONS = r"\u202a-\u202e\u2066-\u2069"
_SURROGATES = r"\ud800-\udfff"
CONTROLS = rf"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029{_DIRECTIONS}{_SURROGATES}"
"""Characters that no text may hold, for a character class of a regular expression."""

_VISIBLE = re.compile(f"[^{_INVISIBLE}]")
_REFUSED = re.compile(rf"[{CONTROLS}]|\r(?!\n)")
_REFUSED_IN_LINE = re.compile(rf"[{CONTROLS}\t\n\r]")
_LINE_END = re.compile(r"\s*[\t\n\r]\s*")
_DIRECTION = re.compile(f"[{_DIRECTIONS}]")

_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
"""Characters that show a control character, such as ␛."""


def is_blank(text: str) -> bool:
    """Return whether a text has no visible character, as one of spaces of any script."""
    return _VISIBLE.search(text) is None


def blank_as_empty(text: str) -> str:
    """Return the text, or an empty one if it is blank."""
    return "" if is_blank(text) else text


def refusal(text: str, *, lines: bool = False) -> str:
    """Return why a text is refused, with the character; empty if it is not. `lines` permits tabs and line ends."""
    found = (_REFUSED if lines else _REFUSED_IN_LINE).search(text)
    if found is None:
        return ""
    character = found[0]
    return f"must not contain U+{ord(character):04X}, {_kind(character)}"


def _kind(character: str) -> str:
    if character in "\u2028\u2029":
        return "a line separator; a new line is U+000A"
    if _DIRECTION.fullmatch(character):
        return "which changes the direction of the text after it"
    if "\ud800" <= character <= "\udfff":
        return "half of a character"
    return "a control character"


def printable(text: str) -> str:
    """Return a text that cannot drive a terminal: a picture or U+FFFD for each character that no text may hold.

    Line ends and tabs stay. Logs that an earlier version wrote hold such characters.
    """
    return _REFUSED.sub(_picture, text) if _REFUSED.search(text) else text


def one_line(text: str) -> str:
    """Return a text in one line that cannot drive a terminal: single spaces for its line ends and tabs."""
    return printable(_LINE_END.sub(" ", text)).strip()


def json_printable(text: str) -> str:
    """Return a JSON text that cannot drive a terminal: such characters, which only its strings hold, are escaped."""
    return _REFUSED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) if _REFUSED.search(text) else text


def _picture(found: re.Match[str]) -> str:
    return chr(_PICTURES.get(ord(found[0]), 0xFFFD))
