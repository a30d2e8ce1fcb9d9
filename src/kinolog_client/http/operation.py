"""An operation: one request of the REST surface, and how to read its answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import ConfigDict, TypeAdapter, ValidationError

from kinolog_client.errors import UnexpectedAnswer, problem_error
from kinolog_client.http.sendable import check_sendable
from kinolog_client.http.sent_file import SentFile
from kinolog_client.models.base import ClientModel

T = TypeVar("T")
M = TypeVar("M", bound=ClientModel)

_document: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any], config=ConfigDict(defer_build=True))

API_PREFIX = "/api/v1"
"""Where the routes of jobs begin. Health and documents stand beside it."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer of HTTP. The names in `headers` are not case-sensitive."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[T]):
    """One request. `route` is the path with parameters in braces, as the OpenAPI document spells it.

    Raises `InvalidRequest` for values that cannot be sent, such as a text that is not UTF-8.

    A request has a `body` of JSON, or a `file`, or neither.

    `read` raises ValueError for an answer of another form. `repeatable`: sent twice, it has one effect. `accepted` are
    statuses of 400 or more that `read` understands.
    """

    method: str
    route: str
    read: Callable[[HttpAnswer], T]
    path_values: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    file: SentFile | None = None
    repeatable: bool = True
    with_key: bool = True
    timeout_seconds: float | None = None
    accepted: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        check_sendable({**self.path_values, **self.params, **(self.body or {})}, self.headers)

    @property
    def path(self) -> str:
        """The path with its values, quoted."""
        return self.route.format_map(
            {name: quote(value, safe="") for name, value in self.path_values.items()}
        )

    def result(self, url: str, answer: HttpAnswer) -> T:
        """Return what an answer of the gateway at `url` holds. Raises `ProblemError` and `UnexpectedAnswer`."""
        if answer.status >= 400 and answer.status not in self.accepted:
            raise problem_error(answer.status, answer.headers, answer.content)
        try:
            return self.read(answer)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the body"
            detail = f"{self.method} {self.path}: {place}: {first['msg']}"
            raise UnexpectedAnswer(url, detail, answer.status) from error
        except ValueError as error:
            raise UnexpectedAnswer(url, f"{self.method} {self.path}: {error}", answer.status) from error


def model_of(kind: type[M]) -> Callable[[HttpAnswer], M]:
    """Return a function that reads an answer as a model."""

    def read(answer: HttpAnswer) -> M:
        return kind.model_validate_json(answer.content)

    return read


def read_document(answer: HttpAnswer) -> dict[str, Any]:
    """Return an answer that is any object of JSON."""
    return _document.validate_json(answer.content)
