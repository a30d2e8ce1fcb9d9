"""The file of tenants: what it states, and errors that name the table and the key.

It is TOML. The table `[default]` is for every tenant; `[tenant.NAME]` is for one, and takes what it does not state
from `[default]`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kinolog.process.api_keys import TENANT, TENANT_FORM
from kinolog.tenants.policy import TenantPolicies, TenantPolicy

TABLES = ("default", "tenant")


class InvalidTenantsFile(ValueError):
    """The file of tenants cannot be used. The message names the table and the key, and states what to do."""


def read_policies(path: Path) -> TenantPolicies:
    """Return the policies that a file states. Raises `InvalidTenantsFile`."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidTenantsFile(
            f"cannot read the file of tenants {path}: {error.strerror or error}; correct KINOLOG_TENANTS_FILE"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidTenantsFile(f"the file of tenants {path} is not TOML: {error}") from error
    if unknown := sorted(set(document) - set(TABLES)):
        raise InvalidTenantsFile(
            f"{path}: unknown table {unknown[0]}; the file has [default] and [tenant.NAME]"
        )
    for_all = _table(path, "[default]", document.get("default", {}))
    tenants = _table(path, "[tenant]", document.get("tenant", {}))
    named: dict[str, TenantPolicy] = {}
    for name, stated in tenants.items():
        place = f"[tenant.{name}]"
        if not TENANT.fullmatch(name):
            raise InvalidTenantsFile(f"{path}, {place}: the name of a tenant {TENANT_FORM}")
        named[name] = _policy(path, place, for_all | _table(path, place, stated))
    return TenantPolicies(default=_policy(path, "[default]", for_all), named=named)


def _table(path: Path, place: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidTenantsFile(f"{path}: {place} must be a table, not {value!r}")
    return value


def _policy(path: Path, place: str, stated: dict[str, Any]) -> TenantPolicy:
    if unknown := sorted(set(stated) - set(TenantPolicy.model_fields)):
        raise InvalidTenantsFile(
            f"{path}, {place}: there is no key {unknown[0]}; the keys are {', '.join(TenantPolicy.model_fields)}"
        )
    try:
        return TenantPolicy.model_validate(stated)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0])
        problem = first["msg"].removeprefix("Value error, ")
        raise InvalidTenantsFile(f"{path}, {place}: {where}: {problem}, not {stated[where]!r}") from error
