"""The packages of quantised weights, which are imported only for a model that needs them.

diffusers, transformers and peft import those that are installed as they are imported themselves. That takes a second in
every process, and a package that does not fit the version of torch would keep all models from loading.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, reload
from importlib.metadata import version
from typing import Any

from kinolog.models.memory.placement import QUANTISED_EXTRA, QUANTISING_PACKAGES, is_installed
from kinolog_worker.renderers.renderer import RenderFailed

_USERS = {
    "torchao": (
        "diffusers.quantizers.torchao.torchao_quantizer",
        "transformers.quantizers.quantizer_torchao",
    ),
    "bitsandbytes": ("diffusers.quantizers.bitsandbytes.utils", "transformers.integrations.bitsandbytes"),
}
"""Modules that import a package as they are imported, if it is there."""

_SEEKERS = ("diffusers", "peft", "transformers")
"""Libraries that look for the packages as they are imported."""

_NOISY_LOGGERS = ("torchao", "bitsandbytes", "torch.utils._pytree")
"""Loggers that warn of hardware that is not there, and of other packages, as these packages are imported."""


def postpone_imports() -> None:
    """Hide the packages from `import` and from those who look for them, unless one of these has found them already."""
    if any(name in sys.modules for name in _SEEKERS):
        return
    modules: dict[str, Any] = sys.modules  # None keeps a module from being imported
    for package in QUANTISING_PACKAGES.values():
        modules.setdefault(package, None)


def check_installed(package: str, need: str) -> None:
    """Raise RenderFailed if a package is missing; `need` says what needs it."""
    if not is_installed(package):
        raise RenderFailed(
            "PACKAGE_MISSING",
            f"{need} needs the package {package}; install kinolog[{QUANTISED_EXTRA}] on this worker",
            retryable=False,
        )


def imported(package: str, need: str) -> Any:
    """Return a package, and hide it no more. Raises RenderFailed if it is missing, as `check_installed` does."""
    check_installed(package, need)
    if sys.modules.get(package) is None:
        sys.modules.pop(package, None)
    with quiet_imports():
        return import_module(package)


def lend(package: str) -> None:
    """Let diffusers and transformers load weights that a package has quantised. It is imported already.

    Both looked for it as they were imported, and found none.
    """
    flags: Any = import_module("diffusers.utils.import_utils")
    found = flags._is_package_available(package)
    if getattr(flags, f"_{package}_available"):
        return
    setattr(flags, f"_{package}_available", found[0])
    setattr(flags, f"_{package}_version", found[1])
    known: Any = import_module("transformers.utils.import_utils")
    getattr(known, f"is_{package}_available").cache_clear()
    for name in _USERS[package]:
        if name in sys.modules:
            reload(sys.modules[name])


def package_version(package: str) -> str:
    """Return the version of an installed package."""
    return version(package)


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Drop what these packages warn of as they are imported in the block."""
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
