"""Environments of children: which variables of the shell may change a part of the stack. See decision 50.

The servers get a few variables by name, for they take everything by options. The services get all variables but those
that their libraries read by themselves and that belong to something else in the shell. Pure.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

SCOPED_SETTINGS = (
    *(
        "KINOLOG_NATS_",
        "KINOLOG_DATABASE_URL",
        "KINOLOG_API_DATABASE_PASSWORD",
        "KINOLOG_PROJECTOR_DATABASE_PASSWORD",
        "KINOLOG_ARTIFACTS_URL",
        "KINOLOG_API_TARGET",
    ),
    "KINOLOG_MASTER_KEY",
)
"""Settings that the stack gives to some of its services, so that a shell must not give them to the others."""

SERVER_VARIABLES = (
    *("PATH", "HOME", "TMPDIR"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "MALLOC_ARENA_MAX"),
    *("GOMAXPROCS", "GOMEMLIMIT", "GOGC"),
)
"""What nats-server and Postgres get: where programs, libraries and temporary files are, and limits of Go."""

LIBPQ_VARIABLE = re.compile(r"PG[A-Z]+")
"""What libpq reads for every parameter that a connection does not name: the database of another project."""

_SCRUBBED = re.compile(
    rf"{LIBPQ_VARIABLE.pattern}"
    r"|PYTHON[A-Z]+"  # except _PYTHON_VARIABLES: warnings as errors, tracing, another encoding, a debugger
    r"|GRPC_\w+"  # a trace of gRPC writes prompts into the log
    r"|NATS_\w+"
    r"|UVICORN_\w+|WEB_CONCURRENCY|FORWARDED_ALLOW_IPS"  # uvicorn: of another web application
    r"|PROMETHEUS_MULTIPROC_DIR|prometheus_multiproc_dir"
    r"|OTEL_\w+"
)
_PYTHON_VARIABLES = frozenset(
    {
        *("PYTHONPATH", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONUSERBASE", "PYTHONNOUSERSITE"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONFAULTHANDLER", "PYTHONHASHSEED"),
    }
)
"""Where Python finds and stores modules, which children need as this process does, and aids that change no result."""

SERVICE_SETTINGS = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONSAFEPATH": "1",  # also children of children import nothing from the current folder
    "PYTHONUTF8": "1",  # texts and file names are UTF-8, whatever the locale
}
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def server_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of nats-server and Postgres."""
    return {name: environ[name] for name in SERVER_VARIABLES if name in environ}


def service_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a Python service that talks to this machine only: without proxies too."""
    kept = {name: value for name, value in environ.items() if _may_pass(name)}
    if "PYTHONPATH" in kept:
        # An empty entry means the current folder.
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, kept["PYTHONPATH"].split(os.pathsep)))
    return kept | SERVICE_SETTINGS


def proxy_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies, for a service that downloads from the internet. Loopback addresses are excepted."""
    proxies = {name: value for name, value in environ.items() if _is_proxy(name)}
    if not proxies:
        return {}
    listed = proxies.get("no_proxy") or proxies.get("NO_PROXY") or ""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    excepted = ",".join(dict.fromkeys([*names, *LOOPBACK_NAMES]))
    return proxies | {"no_proxy": excepted, "NO_PROXY": excepted}


def _may_pass(name: str) -> bool:
    if name in _PYTHON_VARIABLES:
        return True
    return not (name.startswith(SCOPED_SETTINGS) or _is_proxy(name) or _SCRUBBED.fullmatch(name))


def _is_proxy(name: str) -> bool:
    return name.lower().endswith("_proxy")
