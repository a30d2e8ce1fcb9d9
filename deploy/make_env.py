"""Make what docker-compose.yml needs and this checkout lacks: passwords in .env, and the files of keys in deploy/.

`make env`, or `python3 deploy/make_env.py`. It needs nothing but Python. What is there stays as it is.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

PASSWORDS = (
    "NATS_ADMIN_PASSWORD",
    "NATS_API_PASSWORD",
    "NATS_PROJECTOR_PASSWORD",
    "NATS_WORKER_PASSWORD",
    "POSTGRES_PASSWORD",
    "POSTGRES_PROJECTOR_PASSWORD",
    "POSTGRES_API_PASSWORD",
)
CONTAINER_USER = 10001
"""The user of the containers, who reads the files of keys."""
_ED25519_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
"""PKCS #8 of an Ed25519 key, up to its 32 bytes (RFC 8410)."""


def _api_keys() -> str:
    return f"{secrets.token_urlsafe(32)} default\n"


def _master_key() -> str:
    return f"{secrets.token_hex(32)}\n"


def _tree_key() -> str:
    body = base64.b64encode(_ED25519_PREFIX + secrets.token_bytes(32)).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


KEY_FILES: dict[str, Callable[[], str]] = {
    "api_keys": _api_keys,
    "master_key": _master_key,
    "tree_key": _tree_key,
}


def make_env(root: Path) -> list[str]:
    """Make what is missing below `root`. Return a line for each file that was made or filled up."""
    env = root / ".env"
    lines = env.read_text(encoding="utf-8").splitlines() if env.exists() else []
    given = {line.partition("=")[0].strip() for line in lines if line.partition("=")[2].strip()}
    missing = [name for name in PASSWORDS if name not in given]
    done = []
    if missing:
        kept = [line for line in lines if line.partition("=")[0].strip() not in missing]
        _write(
            env, "".join(f"{line}\n" for line in [*kept, *(f"{n}={secrets.token_hex(24)}" for n in missing)])
        )
        done.append(f".env: {', '.join(missing)}")
    for name, content in KEY_FILES.items():
        path = root / "deploy" / name
        if not path.exists():
            _write(path, content())
            done.append(f"deploy/{name}")
    return done


def give_to_containers(root: Path) -> str:
    """Give the files of keys to the user of the containers. Return the command that does so if this user may not."""
    paths = [root / "deploy" / name for name in KEY_FILES]
    others = [path for path in paths if path.stat().st_uid != CONTAINER_USER]
    try:
        for path in others:
            os.chown(path, CONTAINER_USER, CONTAINER_USER)
    except PermissionError:
        names = " ".join(str(path.relative_to(root)) for path in others)
        return f"sudo chown {CONTAINER_USER}:{CONTAINER_USER} {names}"
    return ""


def _write(path: Path, text: str) -> None:
    """Replace a file by one that its owner alone reads."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def main() -> None:
    """Make what is missing, and say what was made and what is left to do."""
    root = Path(__file__).resolve().parents[1]
    try:
        for line in make_env(root) or ["nothing was missing"]:
            sys.stdout.write(f"{line}\n")
        command = give_to_containers(root)
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}. Run this as the owner of the checkout.")
    if command:
        sys.stdout.write(f"The user of the containers must be able to read the keys. Run: {command}\n")
    sys.stdout.write(
        "Keep copies of .env and of the files in deploy/ elsewhere: nobody can make them again.\n"
    )


if __name__ == "__main__":
    main()
