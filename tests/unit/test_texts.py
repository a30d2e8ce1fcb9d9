"""Free texts: blank ones, refused characters, and what a terminal gets."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinolog.texts import blank_as_empty, is_blank, one_line, printable, refusal

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1)]
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
LINE_ENDS = "\t\n"


def test_every_white_space_and_control_is_blank() -> None:
    """A text of spaces of any script, of controls and of characters without width has nothing to show."""
    for character in EVERY_CHARACTER:
        if character.isspace() or unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc"):
            assert is_blank(character), f"U+{ord(character):04X}"
    for text in ("", "\u200b\u200d", "\ufeff", "\u2060", "\u3164", "\u2800", "\u00ad", " \n\u3000"):
        assert is_blank(text), text
        assert blank_as_empty(text) == ""


@pytest.mark.parametrize("text", ["a", " a ", "\u200b.", "円", "é", "🎬", "‏שלום", "\u0627\u200c\u0628"])
def test_whatever_has_ink_is_not_blank(text: str) -> None:
    """A text with one visible character is a text, and keeps its spaces and marks of direction."""
    assert not is_blank(text)
    assert blank_as_empty(text) == text
    assert refusal(text) == ""
    assert printable(text) == text


def test_every_control_is_refused_by_name() -> None:
    """Controls, line separators and changes of direction are refused, with the character; all others are not."""
    for character in EVERY_CHARACTER:
        is_control = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in DIRECTIONS
        problem = refusal(f"a{character}b", lines=True)
        assert bool(problem) == (is_control and character not in LINE_ENDS), f"U+{ord(character):04X}"
        assert not problem or f"U+{ord(character):04X}," in problem
        assert bool(refusal(f"a{character}b")) == is_control


def test_line_ends_of_windows_are_line_ends() -> None:
    """A carriage return is part of a line end, and refused elsewhere: it lets a text overwrite itself."""
    assert refusal("one\r\ntwo", lines=True) == ""
    assert "U+000D" in refusal("one\rtwo", lines=True)


@given(st.text())
def test_nothing_printable_drives_a_terminal(text: str) -> None:
    """What is printed holds no character that is refused, is as long as before, and does not change again."""
    shown = printable(text)
    assert refusal(shown, lines=True) == ""
    assert len(shown) == len(text)
    assert printable(shown) == shown
    assert refusal(one_line(text)) == ""


def test_pictures_of_controls() -> None:
    """A control character of ASCII is shown by its picture; the others are replaced."""
    assert printable("a\x1b[2J\x9b\u202eb\x7f") == "a␛[2J\ufffd\ufffdb␡"
    assert one_line("a\r\nb\tc\x07") == "a b c␇"
