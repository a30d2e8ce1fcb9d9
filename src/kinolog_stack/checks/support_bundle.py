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
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote

import httpx

from kinolog.process.setting_groups.common import PREFIX
from kinolog_stack.checks.doctor_check import DoctorCheck
from kinolog_stack.checks.process_pages import process_page
from kinolog_stack.data_folder import DataFolder

LOG_BYTES = 256 * 1024
"""How much of the end of each log is taken."""
REPLACED = "(secret)"
SET = "(set)"
_PLAIN_VALUE = re.compile(r"(true|false|[0-9.]+)", re.IGNORECASE)
_SECRET_NAME = re.compile(r"KEY|PASSWORD|SECRET|TOKEN|CREDENTIAL|HEADS_TO", re.IGNORECASE)
_LEAST_SECRET = 8
"""Shorter texts are replaced nowhere: they occur in words and numbers."""
_USER_PART = re.compile(r"://([^\s/?#]+)@")
"""What is before the host in a URL: a user with a password, or a token."""
_PARAMETER = re.compile(r"(?:password|secret|token|key|signature)=([^&\s]+)", re.IGNORECASE)
_LEAST_TOKEN = 16
"""A shorter text before the host of a URL, without a password, is the name of a user."""


def write_support_bundle(
    file: IO[bytes], folder: DataFolder, checks: Sequence[DoctorCheck], environment: Mapping[str, str]
) -> None:
    """Write the archive. Parts that cannot be read are named. Raises `OSError` if it cannot be written."""
    secrets = known_secrets(folder, environment)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _parts(folder, checks, environment):
            archive.writestr(name, without_secrets(text, secrets))


def known_secrets(folder: DataFolder, environment: Mapping[str, str]) -> list[str]:
    """Return the secrets of this installation, the longest first: passwords, keys, and values of secret settings.

    Each is there in all forms in which it may stand in a text: as it is, in JSON, and in a URL.
    """
    found = set[str]()
    files = [folder.passwords, *_files(folder.secrets)]
    for name, value in environment.items():
        found |= _secrets_in_value(value)
        if not _SECRET_NAME.search(name):
            continue
        if name.startswith(PREFIX) and (name.endswith("_FILE") or os.path.isfile(value)):
            files.append(Path(value))
        else:
            found |= {value, *value.split(",")}
    for path in files:
        try:
            found |= _secrets_in_file(path.read_text(encoding="utf-8", errors="ignore"))
        except OSError:
            continue
    forms = {form for secret in found for form in _forms_of(secret)}
    return sorted((form for form in forms if len(form) >= _LEAST_SECRET), key=len, reverse=True)


def _secrets_in_value(value: str) -> set[str]:
    """Return the passwords and tokens in the URLs of a variable, and each such URL."""
    found = set(_PARAMETER.findall(value))
    for user_part in _USER_PART.findall(value):
        _, has_password, password = user_part.partition(":")
        if has_password:
            found |= {value, user_part, password}
        elif len(user_part) >= _LEAST_TOKEN:
            found |= {value, user_part}
    return found


def _secrets_in_file(text: str) -> set[str]:
    """Return the texts of a JSON file, or the lines of another one and the first words of these.

    A line of a file of API keys goes on with the tenant, which is no secret.
    """
    if text.lstrip().startswith(("{", "[")):
        with suppress(ValueError):
            return set(_texts(json.loads(text)))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("-----", "#"))]
    return {*lines, *(line.split()[0] for line in lines)}


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in a value of JSON, without the names of fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _forms_of(secret: str) -> set[str]:
    """Return a secret as it is, in JSON, and in a URL."""
    texts = {secret, unquote(secret)}
    in_json = {
        json.dumps(text, ensure_ascii=ascii_only)[1:-1] for text in texts for ascii_only in (True, False)
    }
    return texts | in_json | {quote(text, safe=safe) for text in texts for safe in ("", "/")}


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
    found = (each.metadata for each in distributions())
    installed = {each["Name"]: each["Version"] for each in found if "Name" in each and "Version" in each}
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
        return process_page(url).text
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
