"""Nested values as JSON and tensors: the numbers, texts, lists and tensors that schedulers hold and steps return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch


class ValueNotStorable(Exception):
    """A value is neither a tensor, a number, a text nor a collection of such. The message names its type."""


class StoredTensors(dict[str, torch.Tensor]):
    """Tensors in host memory, by the names that JSON refers to them with."""

    def __init__(self, kind: str = "", tensors: Mapping[str, torch.Tensor] | None = None) -> None:
        """The names of tensors that are put begin with `kind`."""
        super().__init__(tensors or {})
        self._kind = kind

    def of(self, kind: str) -> Mapping[str, torch.Tensor]:
        """Return those that were put with this kind."""
        return {name: tensor for name, tensor in self.items() if name.startswith(f"{kind}-")}

    def put(self, value: Any) -> Any:
        """Return a value as JSON. Its tensors are copied. Raises ValueNotStorable."""
        match value:
            case None | bool() | int() | float() | str():
                return value
            case torch.Tensor():
                return {"tensor": self._add(value), "device": value.device.type}
            case np.ndarray() | np.generic():
                return {"array": self._add(torch.from_numpy(np.array(value)))}
            case list():
                return [self.put(item) for item in value]
            case tuple():
                return {"tuple": [self.put(item) for item in value]}
            case dict():
                return {"entries": [[self.put(key), self.put(item)] for key, item in value.items()]}
            case _:
                raise ValueNotStorable(type(value).__name__)

    def value(self, stored: Any, device: torch.device) -> Any:
        """Return the value of JSON, with tensors of a device on this one. Raises KeyError for what is not there."""
        if isinstance(stored, list):
            return [self.value(item, device) for item in stored]
        if not isinstance(stored, dict):
            return stored
        if "tensor" in stored:
            tensor = self[stored["tensor"]].clone()
            return tensor if stored["device"] == "cpu" else tensor.to(device)
        if "array" in stored:
            array = self[stored["array"]].numpy().copy()
            return array if array.ndim else array[()]
        if "tuple" in stored:
            return tuple(self.value(item, device) for item in stored["tuple"])
        return {self.value(key, device): self.value(item, device) for key, item in stored["entries"]}

    def _add(self, tensor: torch.Tensor) -> str:
        name = f"{self._kind}-{len(self)}"
        self[name] = tensor.detach().to("cpu", copy=True).contiguous()
        return name


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors of what a scheduler's step returned, in their order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, Mapping):  # the outputs of diffusers are dictionaries
        for item in value.values():
            yield from tensors_in(item)


def with_tensors(value: Any, tensors: Iterator[torch.Tensor]) -> Any:
    """Return a value like this one with other tensors, taken in the order of `tensors_in`."""
    if isinstance(value, torch.Tensor):
        return next(tensors, value)
    if isinstance(value, list | tuple):
        return type(value)([with_tensors(item, tensors) for item in value])
    if isinstance(value, Mapping):
        return type(value)(**{name: with_tensors(item, tensors) for name, item in value.items()})
    return value
