"""A file for those who help: what the doctor found, metrics, ends of logs, sizes and versions. No secrets, no prompts.

Logs contain no prompts by themselves. Whatever is a password, a key or a value of a secret setting here is replaced
wherever it is found, and settings are named without their values, except for numbers and switches.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import IO

import httpx

from kinolog.process.setting_groups.common import PREFIX
from kinolog_stack.checks.doctor_check import DoctorCheck
from kinolog_stack.data_folder import DataFolder

LOG_BYTES = 256 * 1024
"""How much of the end of each log is taken."""
ANSWER_SECONDS = 5.0
REPLACED = "(secret)"
SET = "(set)"
_PLAIN_VALUE = re.compile(r"(true|false|[0-9.]+)", re.IGNORECASE)
_SECRET_NAME = re.compile(r"KEY|PASSWORD|SECRET|TOKEN")
_LEAST_SECRET = 8
"""Shorter texts are replaced nowhere: they occur in words and numbers."""


def write_support_bundle(
    file: IO[bytes], folder: DataFolder, checks: Sequence[DoctorCheck], environment: Mapping[str, str]
) -> None:
    """Write the archive. Parts that cannot be read are named. Raises `OSError` if it cannot be written."""
    secrets = known_secrets(folder, environment)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _parts(folder, checks, environment):
            archive.writestr(name, without_secrets(text, secrets))


def known_secrets(folder: DataFolder, environment: Mapping[str, str]) -> list[str]:
    """Return the secrets of this installation, the longest first: passwords, keys, and values of secret settings."""
    found = {
        value
        for name, value in environment.items()
        if _SECRET_NAME.search(name) or ("://" in value and "@" in value)
    }
    files = [folder.passwords, *_files(folder.path / "secrets")]
    files += [
        Path(value)
        for name, value in environment.items()
        if name.startswith(PREFIX) and name.endswith("_FILE")
    ]
    for path in files:
        try:
            text = path.read_text(encoding="utf-8", errors="ignore")
        except OSError:
            continue
        found |= {word for line in text.splitlines() for word in re.split(r"[\s\"',:]+", line)}
    return sorted((word for word in found if len(word) >= _LEAST_SECRET), key=len, reverse=True)


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """Return a text in which each secret is replaced."""
    for secret in secrets:
        text = text.replace(secret, REPLACED)
    return text


def _parts(
    folder: DataFolder, checks: Sequence[DoctorCheck], environment: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    yield "checks.json", json.dumps([asdict(check) for check in checks], indent=1)
    yield "versions.json", json.dumps(_versions(), indent=1)
    yield "settings.json", json.dumps(_settings(environment), indent=1)
    yield "files.json", json.dumps(_sizes(folder.path), indent=1)
    running = folder.running()
    for name, address in sorted((running.addresses if running else {}).items()):
        if name == "gateway" or name.endswith("-probe"):
            yield f"metrics/{name.removesuffix('-probe')}.txt", _page(f"{address}/metrics")
            yield f"ready/{name.removesuffix('-probe')}.json", _page(f"{address}/ready")
    for path in _files(folder.path / "logs"):
        yield f"logs/{path.name}", _end(path)


def _versions() -> dict[str, object]:
    installed = {each.metadata["Name"]: each.version for each in distributions()}
    return {
        "python": sys.version,
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "packages": dict(sorted(installed.items())),
    }


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value if _PLAIN_VALUE.fullmatch(value) and not _SECRET_NAME.search(name) else SET
        for name, value in sorted(environment.items())
        if name.startswith(PREFIX)
    }


def _sizes(folder: Path) -> dict[str, dict[str, int]]:
    """Return number and bytes of the files below each part of a data folder."""
    found: dict[str, dict[str, int]] = {}
    try:
        parts = sorted(folder.iterdir())
    except OSError:
        return found
    for part in parts:
        sizes = [_size(path) for path in (part.rglob("*") if part.is_dir() else [part])]
        found[part.name] = {"files": len(sizes), "bytes": sum(sizes)}
    return found


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # it is gone
        return 0


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.rglob("*") if path.is_file())
    except OSError:
        return []


def _page(url: str) -> str:
    try:
        # The address is one of this machine, and its certificate need not be of that name.
        return httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False, verify=False).text  # noqa: S501
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})\n"


def _end(path: Path) -> str:
    """Return the last lines of a file, whole ones."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}\n"
    return text if size <= LOG_BYTES else text.partition("\n")[2]
