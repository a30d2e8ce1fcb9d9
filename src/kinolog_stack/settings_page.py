"""The page docs/settings.md, generated from the settings classes.

`python -m kinolog_stack.settings_page > docs/settings.md`
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kinolog.process.setting_groups.common import ProcessSettings
from kinolog.process.settings import (
    AdminSettings,
    ApiSettings,
    ClientSettings,
    GatewaySettings,
    ProjectorSettings,
    WorkerSettings,
)
from kinolog_stack.settings import StackSettings

READERS: dict[str, type[ProcessSettings]] = {
    "provision": AdminSettings,
    "api": ApiSettings,
    "projector": ProjectorSettings,
    "worker": WorkerSettings,
    "gateway": GatewaySettings,
    "up": StackSettings,
    "clients": ClientSettings,
}

_HEAD = """\
# Settings

Every process reads its settings from environment variables, and nothing else. `kinolog up` passes its own environment
on, fills in addresses and passwords, and reads those of `up` itself: see [running it](running.md). Written by
`python -m kinolog_stack.settings_page`.

| variable | read by | default | what |
| --- | --- | --- | --- |
"""


def render() -> str:
    """Return the text of the page."""
    readers: dict[str, list[str]] = {}
    fields: dict[str, FieldInfo] = {}
    for process, settings in READERS.items():
        for name, field in settings.model_fields.items():
            readers.setdefault(name, []).append(process)
            fields[name] = field
    rows = (
        f"| `KINOLOG_{name.upper()}` | {_who(readers[name])} | {_default(field)} | {_description(field)} |\n"
        for name, field in fields.items()
    )
    return _HEAD + "".join(rows)


def _who(processes: list[str]) -> str:
    return "all" if len(processes) == len(READERS) else ", ".join(processes)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if field.default_factory is not None and isinstance(value, Path):
        return "the platform's"
    if isinstance(value, list):
        value = ",".join(map(str, value))
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is PydanticUndefined or value in (None, [], ""):
        return ""
    return f"`{value}`"


def _description(field: FieldInfo) -> str:
    """Return what the setting means, and the earlier names that are still read."""
    aliases = field.validation_alias.choices[1:] if isinstance(field.validation_alias, AliasChoices) else ()
    earlier = "".join(f" Its earlier name `{alias}` is still read." for alias in aliases)
    return f"{field.description or ''}{earlier}"


if __name__ == "__main__":
    sys.stdout.write(render())
