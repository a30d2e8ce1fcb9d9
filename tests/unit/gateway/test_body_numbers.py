"""Numbers in bodies are numbers: `false` is none of them."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import kinolog_gateway.requests as room
import pytest
from kinolog_gateway.requests.value_types import RequestModel
from kinolog_gateway.requests.webhooks import RotationRequest
from pydantic import ValidationError

NUMBER = re.compile(r"\b(int|float)\b")


def test_no_number_of_a_body_takes_a_truth_value() -> None:
    """JSON has types, so `false` is an error, not 0. Numbers of queries come as text."""
    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
    numbers = [
        (model, name)
        for model in _below(RequestModel)
        for name, field in model.model_fields.items()
        if not model.__name__.endswith("Query") and NUMBER.search(repr(field.annotation))
    ]
    assert ("RotationRequest", "overlap_seconds") in {(model.__name__, name) for model, name in numbers}
    for model, name in numbers:
        with pytest.raises(ValidationError):
            model.__pydantic_validator__.validate_assignment(model.model_construct(), name, False)


def _below(model: type[RequestModel]) -> Iterator[type[RequestModel]]:
    for each in model.__subclasses__():
        yield each
        yield from _below(each)


def test_a_number_without_a_fraction_is_an_integer() -> None:
    """JSON has one type for 60 and 60.0."""
    assert RotationRequest.model_validate_json('{"overlap_seconds": 60.0}').overlap_seconds == 60
    with pytest.raises(ValidationError):
        RotationRequest.model_validate_json('{"overlap_seconds": 60.5}')
