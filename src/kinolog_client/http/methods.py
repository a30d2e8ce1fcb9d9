"""Turns functions that describe operations into methods of both clients: one signature, one docstring."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from kinolog_client.http.operation import Operation

P = ParamSpec("P")
T = TypeVar("T")


class _Sender(Protocol):
    def send(self, operation: Operation[T]) -> T: ...


class _AsyncSender(Protocol):
    async def send(self, operation: Operation[T]) -> T: ...


def blocking(describe: Callable[P, Operation[T]]) -> Callable[Concatenate[_Sender, P], T]:
    """Return a method that performs the described operation and returns its result."""

    @wraps(describe)
    def method(client: _Sender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client.send(describe(*args, **kwargs))

    method.__signature__ = _signature(describe)  # type: ignore[attr-defined]  # read by inspect and help
    return method


def awaitable(describe: Callable[P, Operation[T]]) -> Callable[Concatenate[_AsyncSender, P], Awaitable[T]]:
    """Return a coroutine method that performs the described operation and returns its result."""

    @wraps(describe)
    async def method(client: _AsyncSender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client.send(describe(*args, **kwargs))

    method.__signature__ = _signature(describe)  # type: ignore[attr-defined]  # read by inspect and help
    return method


def _signature(describe: Callable[..., object]) -> inspect.Signature:
    """Return the signature of the method: `self` before the parameters, the result without `Operation`."""
    signature = inspect.signature(describe)
    result = str(signature.return_annotation).removeprefix("Operation[").removesuffix("]")
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return signature.replace(parameters=[first, *signature.parameters.values()], return_annotation=result)
