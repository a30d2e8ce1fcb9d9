"""Turns functions that describe operations into methods of both clients: one signature, one docstring."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

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

    _show_signature(method, describe)
    return method


def awaitable(describe: Callable[P, Operation[T]]) -> Callable[Concatenate[_AsyncSender, P], Awaitable[T]]:
    """Return a coroutine method that performs the described operation and returns its result."""

    @wraps(describe)
    async def method(client: _AsyncSender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client.send(describe(*args, **kwargs))

    _show_signature(method, describe)
    return method


def _show_signature(method: Any, describe: Callable[..., object]) -> None:
    """Let `inspect` and `help` show the method with `self` before the parameters and without `Operation`."""
    signature = inspect.signature(describe)
    result = str(signature.return_annotation).removeprefix("Operation[").removesuffix("]")
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [first, *signature.parameters.values()]
    method.__signature__ = signature.replace(parameters=parameters, return_annotation=result)
