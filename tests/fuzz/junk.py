"""Malformed values, each with a word by which it is found where it must not be."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

CANARY = "Quillfeather"
"""A word in every text. No log may have it."""
_ODD = (
    "",
    " ",
    "\0",
    "\x1b[2J",
    "\u202e",
    "\ud800",
    "é" * 9,
    "'; DROP TABLE jobs;--",
    "../../etc/passwd",
    "%s%n",
    "{{7*7}}",
)
_NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    -(2**63),
    10**400,
    0.1,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    True,
)


class Junk:
    """Draws malformed values from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def text(self) -> str:
        """Return a text: short or long, with what is odd in texts."""
        length = 6_000 if self.random.random() < 0.02 else self.random.randrange(12)
        letters = "".join(chr(self.random.randrange(0x20, 0x2FF)) for _ in range(length))
        return f"{CANARY}{self.random.choice(_ODD)}{letters}"

    def value(self, depth: int = 0) -> Any:
        """Return a value of JSON, or one that JSON has not."""
        kind = self.random.randrange(8 if depth < 4 else 4)
        match kind:
            case 0:
                return self.random.choice(_NUMBERS)
            case 1 | 2:
                return self.text()
            case 3:
                return self.random.choice((None, True, False))
            case 4 | 5:
                return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
            case _:
                return {self.text(): self.value(depth + 1) for _ in range(self.random.randrange(4))}

    def fields(self, names: list[str], plausible: dict[str, Any]) -> dict[str, Any]:
        """Return an object with fields of these names, some of which have values that may be right."""
        found = {
            name: self.value()
            for name in self.random.sample(names, min(len(names), self.random.randrange(5)))
        }
        found |= {name: value for name, value in plausible.items() if self.random.random() < 0.6}
        if self.random.random() < 0.2:
            found[self.text()] = self.value()
        return found

    def body(self, value: Any) -> bytes:
        """Return bytes of JSON, whole or broken."""
        text = json.dumps(value).encode()
        match self.random.randrange(12):
            case 0:
                return text[: self.random.randrange(len(text) + 1)]
            case 1:
                return self.noise(200) + CANARY.encode()
            case 2:
                return text.replace(b'"', b"'")
            case 3:
                return b"[" * self.random.choice((10, 5_000)) + text
            case _:
                return text

    def noise(self, most: int) -> bytes:
        """Return random bytes."""
        return self.random.randbytes(self.random.randrange(most))

    def message(self, kind: type[Message], plausible: dict[str, Any]) -> bytes:
        """Return a serialised request whose fields have odd values, whole or damaged."""
        message = kind()
        self._fill(message, plausible, 0)
        encoded = message.SerializeToString()
        if self.random.random() < 0.3:
            damaged = bytearray(encoded + self.noise(20))
            for _ in range(self.random.randrange(1, 4)):
                if damaged:
                    damaged[self.random.randrange(len(damaged))] = self.random.randrange(256)
            encoded = bytes(damaged)
        return encoded

    def _fill(self, message: Message, plausible: dict[str, Any], depth: int) -> None:
        for field in message.DESCRIPTOR.fields:
            if (
                field.name in plausible
                and field.type == FieldDescriptor.TYPE_STRING
                and not field.is_repeated
            ):
                if self.random.random() < 0.7:
                    setattr(message, field.name, plausible[field.name])
            elif self.random.random() < 0.3 and depth < 4:
                self._set(message, field, plausible, depth)

    def _set(self, message: Message, field: Any, plausible: dict[str, Any], depth: int) -> None:
        target = getattr(message, field.name)
        if field.message_type is not None:
            if field.message_type.GetOptions().map_entry:
                return
            self._fill(target.add() if field.is_repeated else target, plausible, depth + 1)
            if not field.is_repeated:
                target.SetInParent()
            return
        scalar = self._scalar(field)
        if field.is_repeated:
            target.extend([scalar] * self.random.choice((1, 2, 2_000 if depth == 0 else 3)))
        else:
            setattr(message, field.name, scalar)

    def _scalar(self, field: Any) -> Any:
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING:
                if field.type == FieldDescriptor.TYPE_BYTES:
                    return self.noise(50) + CANARY.encode()
                return self.text().encode("utf-8", "ignore").decode()
            case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
                return self.random.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
            case FieldDescriptor.CPPTYPE_BOOL:
                return self.random.choice((True, False))
            case FieldDescriptor.CPPTYPE_UINT32 | FieldDescriptor.CPPTYPE_UINT64:
                return self.random.choice((0, 1, 2**31, 2**32 - 1))
            case FieldDescriptor.CPPTYPE_ENUM:
                return self.random.choice((0, 1, 99))
            case _:
                return self.random.choice((0, -1, 1, 2**31 - 1, -(2**31)))
