"""Reads the master keys that the settings name: from a file, the environment, or the output of a command."""

from __future__ import annotations

import base64
import binascii
import shlex
import subprocess

from kinolog.privacy.master_keys import MasterKey, MasterKeys, MasterKeyUnusable
from kinolog.privacy.sealer import KEY_BYTES, new_key
from kinolog.process.settings import MasterKeySettings

COMMAND_SECONDS = 30.0
"""How long the command may take to print the keys."""

_HEX_DIGITS = 2 * KEY_BYTES


def load_master_keys(settings: MasterKeySettings) -> MasterKeys:
    """Return the master keys of the settings. Blocks. Raises `MasterKeyUnusable`, whose message names the setting."""
    return MasterKeys(read_master_keys(settings))


def read_master_keys(settings: MasterKeySettings) -> list[MasterKey]:
    """Return the master keys one by one. Blocks. Raises `MasterKeyUnusable`."""
    given = {
        "KINOLOG_MASTER_KEY_FILE": settings.master_key_file,
        "KINOLOG_MASTER_KEY": settings.master_key,
        "KINOLOG_MASTER_KEY_COMMAND": settings.master_key_command,
    }
    named = [name for name, value in given.items() if value]
    if len(named) != 1:
        problem = "no master key is configured" if not named else f"{' and '.join(named)} exclude each other"
        raise MasterKeyUnusable(
            f"{problem}; set one of KINOLOG_MASTER_KEY_FILE, KINOLOG_MASTER_KEY and KINOLOG_MASTER_KEY_COMMAND "
            "(docs/running.md, The master key)"
        )
    (name,) = named
    try:
        return [MasterKey(secret) for secret in parse_master_keys(_text(settings))]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise MasterKeyUnusable(f"{name}: {_reason(error)}") from None


def new_master_key() -> str:
    """Return a new master key as text: 64 hexadecimal digits."""
    return new_key().hex()


def parse_master_keys(text: str) -> list[bytes]:
    """Return the keys in a text: one a line or separated by commas, hexadecimal or base64; `#` begins a comment.

    Raises `ValueError`, without the text, for anything else.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    words = [word.strip() for line in lines for word in line.split(",")]
    keys = [_parsed(word) for word in words if word]
    if not keys:
        raise ValueError("there is no key in it")
    return keys


def _parsed(word: str) -> bytes:
    try:
        key = bytes.fromhex(word) if len(word) == _HEX_DIGITS else base64.b64decode(word, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key is {_HEX_DIGITS} hexadecimal digits, or {KEY_BYTES} bytes in base64")
    return key


def _text(settings: MasterKeySettings) -> str:
    if settings.master_key_file is not None:
        return settings.master_key_file.expanduser().read_text(encoding="utf-8")
    if settings.master_key is not None:
        return settings.master_key.get_secret_value()
    return _printed(settings.master_key_command or "")


def _printed(command: str) -> str:
    """Return what a command prints. Its errors go to the standard error of this process."""
    done = subprocess.run(  # the operator's own command, without a shell
        shlex.split(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise ValueError(f"the command ended with status {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    """Return why keys cannot be read. Texts of a command and of a file are left out."""
    match error:
        case OSError():
            return f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
        case subprocess.TimeoutExpired():
            return f"the command printed no key within {COMMAND_SECONDS:.0f} s"
        case UnicodeDecodeError():
            return "it is not a text file"
        case _:
            return str(error)
