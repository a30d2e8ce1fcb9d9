"""The fields of the client's job, written from the gateway's: `python -m tests.client_job` writes the module.

The client stands alone and cannot import the gateway, so the fields of `JobDetail` are written into
src/kinolog_client/models/job_fields.py as Python. A gateway of another version may lack a field or send a new value of
an enumeration. Therefore a field has a default unless a job makes no sense without it, and enumerations are strings.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from kinolog_gateway.responses.attempts.attempt import (
    AttemptView,
    StepCacheView,
    UsedLoraView,
    UsedProfileView,
    UsedUpscalerView,
)
from kinolog_gateway.responses.job import JobDetail
from kinolog_gateway.responses.job_parts import (
    ArtifactView,
    ErrorView,
    InputView,
    JobLinks,
    JobLoraView,
    MediaView,
    StageView,
    TimingsView,
)
from kinolog_gateway.responses.reproductions.comparison import (
    FrameComparisonView,
    ReproductionView,
    RuntimeDifferenceView,
)
from pydantic.fields import FieldInfo

MODULE = Path(__file__).parents[1] / "src" / "kinolog_client" / "models" / "job_fields.py"

REQUIRED = ("job_id", "status", "priority", "created_at", "updated_at")
"""Fields without a default. Never add one: gateways of earlier versions do not send it."""

PARTS: dict[type, str] = {
    ArtifactView: "ArtifactInfo",
    AttemptView: "AttemptInfo",
    ErrorView: "ErrorInfo",
    InputView: "InputInfo",
    JobLinks: "LinksInfo",
    JobLoraView: "JobLoraInfo",
    MediaView: "MediaInfo",
    ReproductionView: "ReproductionInfo",
    FrameComparisonView: "FrameComparisonInfo",
    RuntimeDifferenceView: "RuntimeDifferenceInfo",
    StageView: "StageInfo",
    StepCacheView: "StepCacheInfo",
    TimingsView: "TimingsInfo",
    UsedUpscalerView: "UsedUpscalerInfo",
    UsedLoraView: "UsedLoraInfo",
    UsedProfileView: "UsedProfileInfo",
}
"""The client's model of each part of a job."""

_EMPTY = {"str": '""', "int": "0", "float": "0.0", "bool": "False"}
_WITHIN_PARTS = {
    "FrameComparisonInfo",
    "RuntimeDifferenceInfo",
    "UsedLoraInfo",
    "UsedProfileInfo",
    "UsedUpscalerInfo",
}
"""Those that only other parts have."""
_IMPORTED = "".join(f"    {name},\n" for name in sorted(set(PARTS.values()) - _WITHIN_PARTS))
_HEAD = f'''\
"""The fields of a job. `python -m tests.client_job` writes this module from the gateway's `JobDetail`."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog_client.models.base import ClientModel
from kinolog_client.models.job_parts import (
{_IMPORTED})


class JobFields(ClientModel):
    """What the gateway says about a job. In lists, fields that only the answer about one job has are empty."""

'''


def job_fields() -> str:
    """Return the text of the module. Raises KeyError for a part without a model of the client in `PARTS`."""
    return _HEAD + "".join(_lines(name, field) for name, field in JobDetail.model_fields.items())


def _lines(name: str, field: FieldInfo) -> str:
    """Return the line of a field, and its description below."""
    return f"    {name}: {_declaration(field.annotation, required=name in REQUIRED)}\n{_docstring(field.description)}"


def _declaration(annotation: Any, *, required: bool) -> str:
    """Return the type of a field, and its default unless it is required."""
    kind, optional = client_type(annotation)
    if required:
        return kind
    if optional or kind == "datetime":
        return f"{kind} | None = None"
    if kind.startswith("tuple"):
        return f"{kind} = ()"
    return f"{kind} = {_EMPTY.get(kind, f'Field(default_factory={kind})')}"


def client_type(annotation: Any, parts: Mapping[type, str] = PARTS) -> tuple[str, bool]:
    """Return the client's type of a value, and whether it may be None. Raises KeyError for a model not in `parts`."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        (inner,) = (member for member in get_args(annotation) if member is not NoneType)
        return client_type(inner, parts)[0], True
    if origin in (list, tuple):
        return f"tuple[{client_type(get_args(annotation)[0], parts)[0]}, ...]", False
    if origin is dict:
        return f"dict[{', '.join(client_type(each, parts)[0] for each in get_args(annotation))}]", False
    if origin is Literal:
        return "str", False
    if annotation in (str, int, float, bool, datetime):
        return annotation.__name__, False
    return parts[annotation], False


def _docstring(description: str | None) -> str:
    if description is None:
        return ""
    text = re.sub(r"\bnull\b", "None", description)
    return textwrap.fill(f'"""{text}"""', 110, initial_indent="    ", subsequent_indent="    ") + "\n"


if __name__ == "__main__":
    MODULE.write_text(job_fields(), encoding="utf-8")
