"""The base of all models of answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class ClientModel(BaseModel):
    """A piece of an answer. Immutable.

    Fields that this version does not know are stored for `to_json` only. A field that an answer may lack has a
    default.
    """

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that this was read from, with the fields that this version does not know."""
        return self.model_dump(mode="json", exclude_unset=True)
