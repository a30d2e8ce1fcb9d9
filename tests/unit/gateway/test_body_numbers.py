"""Numbers in bodies are numbers: `false` is none of them, and 60.0 is 60."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import kinolog_gateway.requests as room
from kinolog_gateway.requests.value_types import RequestModel
from kinolog_gateway.requests.webhooks import RotationRequest
from pydantic import ValidationError

INTEGER = re.compile(r"\bint\b")
NUMBER = re.compile(r"\b(int|float)\b")
WRONG_TYPES = {"int_type", "float_type"}
Field = tuple[type[RequestModel], str]


def test_no_number_of_a_body_takes_a_truth_value() -> None:
    """JSON has types, so `false` is an error, not 0. Numbers of queries come as text."""
    numbers = _fields(NUMBER)
    assert (RotationRequest, "overlap_seconds") in numbers
    assert [field for field in numbers if not _problems(field, False) & WRONG_TYPES] == []


def test_a_number_without_a_fraction_is_an_integer() -> None:
    """JSON has one type for 60 and 60.0."""
    integers = _fields(INTEGER)
    assert [field for field in integers if _problems(field, 60.0) & WRONG_TYPES] == []
    assert [field for field in integers if not _problems(field, 60.5) & WRONG_TYPES] == []
    assert RotationRequest.model_validate_json('{"overlap_seconds": 60.0}').overlap_seconds == 60


def _problems(field: Field, value: object) -> set[str]:
    """Return the types of the errors about a field with this value. Whatever else a body needs is missing."""
    model, name = field
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        return {str(each["type"]) for each in error.errors() if each["loc"] == (name,)}
    return set()


def _fields(kind: re.Pattern[str]) -> list[Field]:
    """Return the fields of all bodies whose annotation names such a type."""
    modules = [module.name for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
    for module in (*modules, "kinolog_gateway.mcp.arguments"):
        importlib.import_module(module)
    return [
        (model, name)
        for model in _below(RequestModel)
        for name, field in model.model_fields.items()
        if not model.__name__.endswith("Query") and kind.search(repr(field.annotation))
    ]


def _below(model: type[RequestModel]) -> Iterator[type[RequestModel]]:
    for each in model.__subclasses__():
        yield each
        yield from _below(each)
