"""Validation against the schemas inside an OpenAPI or AsyncAPI document."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012


def schema_validator(document: dict[str, Any], reference: str) -> Draft202012Validator:
    """Return a validator for the schema that `reference`, such as `#/components/schemas/Pong`, points to."""
    registry: Registry[Any] = Registry().with_resource("doc", DRAFT202012.create_resource(document))
    return Draft202012Validator({"$ref": f"doc{reference}"}, registry=registry)
