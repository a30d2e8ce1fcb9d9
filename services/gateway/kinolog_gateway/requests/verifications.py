"""Bodies of requests about comparisons of everything."""

from __future__ import annotations

from pydantic import Field

from kinolog_gateway.enum_names import FileCheckName
from kinolog_gateway.requests.value_types import RequestModel


class StartVerificationBody(RequestModel):
    """What to compare."""

    files: FileCheckName = Field(
        "none", description="How files are compared: not at all, by their sizes, or every byte."
    )
