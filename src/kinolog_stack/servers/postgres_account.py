"""The unprivileged system user that runs Postgres when kinolog runs as root.

Postgres refuses to run as root. Then it runs as the user `kinolog` (created if possible), else as `nobody`, and that
user must be able to reach the data folder and the binaries.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from kinolog_stack.errors import StartError
from kinolog_stack.processes.child_process import ProcessAccount

ACCOUNT = "kinolog"
FALLBACK = "nobody"
PASS_THROUGH = stat.S_IXGRP | stat.S_IXOTH

logger = logging.getLogger(__name__)


def postgres_account(folder: Path) -> ProcessAccount | None:
    """Return the user for a Postgres on `folder`, None if this process is not root. Raises `StartError`."""
    if os.geteuid() != 0:
        return None
    if folder.exists() and (owner := folder.stat().st_uid) != 0:
        try:
            return _account(pwd.getpwuid(owner))
        except KeyError:
            pass  # a folder from another machine: change_owner corrects it
    for name in (ACCOUNT, FALLBACK):
        if name == ACCOUNT and not _exists(name):
            _create(name)
        if _exists(name):
            return _account(pwd.getpwnam(name))
    raise StartError(
        "Postgres does not run as root, and there is no other user to run it as.",
        f"Create one with: useradd --system {ACCOUNT}",
    )


def nameless_user() -> int | None:
    """Return the user id of this process if it has no name, as in a container that runs under any id; else None."""
    uid = os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return uid
    return None


def user_name_variable() -> dict[str, str]:
    """Return a variable with a name of the user if the system has none: libraries of the worker ask for one."""
    return {} if nameless_user() is None else {"LOGNAME": ACCOUNT}


def named_user() -> int | None:
    """Return the id of a user that has a name and is not root: `nobody`, or the first. None if there is none."""
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    preferred = [entry for entry in entries if entry.pw_name == FALLBACK]
    return next((entry.pw_uid for entry in [*preferred, *entries]), None)


def change_owner(folder: Path, account: ProcessAccount) -> None:
    """Make `account` the owner of `folder` and everything below it, and allow it to reach the folder."""
    if folder.stat().st_uid != account.uid:
        for root, _, files in os.walk(folder):
            os.chown(root, account.uid, account.gid)
            for name in files:
                os.chown(Path(root) / name, account.uid, account.gid, follow_symlinks=False)
    allow_traversal(folder)


def allow_traversal(path: Path) -> None:
    """Let other users traverse the folders above `path`: the execute bit only, so they cannot list them."""
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if mode & PASS_THROUGH != PASS_THROUGH:
            logger.info("action=allow_traversal folder=%s", parent)
            try:
                parent.chmod(stat.S_IMODE(mode) | PASS_THROUGH)
            except OSError as error:
                raise StartError(
                    f"Postgres cannot reach {path}: {parent} is closed to other users.",
                    f"Open it with: chmod a+x {parent}, or run kinolog as an ordinary user.",
                ) from error


def allow_reading(folder: Path) -> None:
    """Let other users read and execute the files in `folder`, which root may have installed with a strict umask."""
    allow_traversal(folder)
    for root, _, files in os.walk(folder):
        _allow(Path(root), stat.S_IRGRP | stat.S_IROTH | PASS_THROUGH)
        for name in files:
            _allow(Path(root) / name, stat.S_IRGRP | stat.S_IROTH)


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & stat.S_IXUSR:
        bits |= PASS_THROUGH
    if mode & bits != bits:
        try:
            path.chmod(stat.S_IMODE(mode) | bits)
        except OSError as error:
            raise StartError(
                f"Postgres runs as another user, who may not read {path}.",
                f"Let others read it: chmod -R a+rX {path.parent}, or run kinolog as an ordinary user.",
            ) from error


def _account(entry: pwd.struct_passwd) -> ProcessAccount:
    return ProcessAccount(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _create(name: str) -> None:
    useradd = shutil.which("useradd")
    if useradd is None:
        return
    argv = [useradd, "--system", "--no-create-home", "--shell", shutil.which("nologin") or "/bin/false", name]
    done = subprocess.run(argv, capture_output=True, check=False)  # fixed program and arguments
    if done.returncode != 0:
        logger.info("action=create_account account=%s status=%d", name, done.returncode)
