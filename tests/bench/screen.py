"""What a terminal shows: as much of one as is needed for what Textual writes (positions, colours, text)."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

from rich.cells import cell_len

SEQUENCE = re.compile(
    r"\x1b\[([0-9;:?<=>]*)([ $]*[@-~])"  # CSI: parameters, final
    r"|\x1b[\]P_^X](?:[^\x1b\x07]|\x1b(?!\\))*(?:\x1b\\|\x07)"  # strings: titles, graphics
    r"|\x1b[ -/]*[0-Z\\`-~]"
)
SYNCHRONISED = "\x1b[?2026$p"
"""The question whether frames may be sent as a whole; the answer is yes."""
YES = b"\x1b[?2026;1$y"


class Screen:
    """`columns` by `rows` cells, each a character and the background it stands on."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._cells = [[(" ", "")] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._background = ""
        self._decode = getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self.asked = False
        """Whether the question of synchronised frames was asked since this was last set to False."""
        self.strings: list[str] = []
        """Strings for the terminal itself, such as pictures."""

    def feed(self, raw: bytes) -> None:
        """Take in what a program wrote."""
        text = self._rest + self._decode.decode(raw)
        self._rest = ""
        at = 0
        while at < len(text):
            start = text.find("\x1b", at)
            self._write(text[at : start if start >= 0 else len(text)])
            if start < 0:
                return
            found = SEQUENCE.match(text, start)
            if found is None:
                self._rest = text[start:]  # the rest of it comes
                return
            self._obey(found)
            at = found.end()

    def line(self, row: int) -> str:
        """The characters of a row."""
        return "".join(character for character, _ in self._cells[row])

    def text(self) -> str:
        """All of them."""
        return "\n".join(self.line(row).rstrip() for row in range(self.rows))

    def background(self, row: int, column: int) -> str:
        """What a cell stands on, as the program said it."""
        return self._cells[row][column][1]

    def _obey(self, found: re.Match[str]) -> None:
        parameters, final = found.group(1), found.group(2)
        if final == "H":
            row, _, column = (parameters or "").partition(";")
            self._y, self._x = int(row or 1) - 1, int(column or 1) - 1
        elif final == "m":
            self._colour(parameters.split(";"))
        elif found.group() == SYNCHRONISED:
            self.asked = True
        elif final is None and found.group()[1] in "P_":
            self.strings.append(found.group())

    def _colour(self, codes: list[str]) -> None:
        at = 0
        while at < len(codes):
            code = codes[at]
            long = 5 if codes[at + 1 : at + 2] == ["2"] else 3
            if code in ("", "0"):
                self._background = ""
            elif code == "48":
                self._background = ";".join(codes[at : at + long])
            elif code == "49" or re.fullmatch("4[0-7]|10[0-7]", code):
                self._background = "" if code == "49" else code
            at += long if code in ("38", "48") else 1

    def _write(self, text: str) -> None:
        for character in text:
            if character == "\n":
                self._y, self._x = self._y + 1, 0
            elif character == "\r":
                self._x = 0
            elif character >= " " and self._y < self.rows and self._x < self.columns:
                self._cells[self._y][self._x] = (character, self._background)
                self._x += cell_len(character)
