"""Amounts of memory in settings: a number of bytes, or a size with its unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import ByteSize, ValidationError, WrapValidator


def _memory_size(value: object, parse: Callable[[object], ByteSize]) -> ByteSize:
    try:
        return parse(value)
    except ValidationError:
        raise ValueError("must be a number of bytes, or a size such as 24GiB") from None


MemorySize = Annotated[ByteSize, WrapValidator(_memory_size)]
