"""What every model of an answer shares."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class ClientModel(BaseModel):
    """A piece of an answer. Immutable.

    A field that this version does not know changes nothing: it is kept aside, for `to_json`. A field that an answer
    may lack has a default.
    """

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that this was read from, with the fields that this version does not know."""
        return self.model_dump(mode="json", exclude_unset=True)
