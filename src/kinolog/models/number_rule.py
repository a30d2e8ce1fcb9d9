"""Which numbers of frames, or of pixels on a side, a model draws."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil

_PATTERN = re.compile(r"(?:(?P<multiple>[1-9]\d*)?n(?:\+(?P<offset>[1-9]\d*))?|(?P<only>[1-9]\d*))")


@dataclass(frozen=True, slots=True)
class NumberRule:
    """The numbers `multiple * n + offset`, of which the smallest is positive; with a multiple of 0 the offset alone."""

    multiple: int
    offset: int = 0

    @classmethod
    def parse(cls, text: str) -> NumberRule:
        """Return the rule of a text such as `4n+1`, `33n`, `n` or `16`. Raises ValueError."""
        found = _PATTERN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no rule of numbers; write it as 4n+1, 4n, n or 16")
        if found["only"]:
            return cls(0, int(found["only"]))
        return cls(int(found["multiple"] or 1), int(found["offset"] or 0))

    def round_up(self, number: int) -> int:
        """Return the smallest number of the rule that is not less than this one. Raises ValueError if none is."""
        if not self.multiple:
            if number > self.offset:
                raise ValueError(f"the model draws {self.offset}, and not {number}")
            return self.offset
        steps = ceil((number - self.offset) / self.multiple)
        return max(steps, 0 if self.offset else 1) * self.multiple + self.offset

    def __str__(self) -> str:
        if not self.multiple:
            return str(self.offset)
        factor = "" if self.multiple == 1 else str(self.multiple)
        return f"{factor}n+{self.offset}" if self.offset else f"{factor}n"


ANY_NUMBER = NumberRule(1)
"""The rule of a model that draws any number of frames."""
