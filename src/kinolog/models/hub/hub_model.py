"""A model of the hub, by its name, its revision, and the folder of downloaded models."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAIN = "main"
"""The branch that a name without a revision means."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """A model that the hub has under `name`, as `owner/model`. `cache` is the folder of downloaded models.

    The weights of the parts `without` come from elsewhere: they need not be here. Of a LoRA one `file` is needed alone,
    which is a path among the files of the hub; of a model it is empty.
    """

    name: str
    revision: str = MAIN
    cache: Path
    without: tuple[str, ...] = ()
    file: str = ""

    @property
    def title(self) -> str:
        """What is needed, for people."""
        return f"{self.file} of {self.name}" if self.file else self.name

    @property
    def folder(self) -> Path:
        """Where the library of the hub puts all that it downloads of this model."""
        return self.cache / f"models--{self.name.replace('/', '--')}"

    @property
    def names_commit(self) -> bool:
        """Whether the revision is a commit, which never changes, and no branch or tag."""
        return is_commit(self.revision)


def is_commit(revision: str) -> bool:
    """Return whether a revision is the hash of a commit."""
    return _COMMIT.fullmatch(revision) is not None


def is_hub_name(source: str) -> bool:
    """Return whether a source has the form `owner/model`, and no folder of this machine has that path."""
    return _NAME.fullmatch(source) is not None and not Path(source).exists()


def hub_source(source: str, revision: str | None, cache_folder: Path | None) -> HubModel | None:
    """Return what a source of the catalogue names on the hub; None for a folder or a file."""
    if not is_hub_name(source):
        return None
    cache = cache_folder.expanduser() if cache_folder else default_cache()
    return HubModel(name=source, revision=revision or MAIN, cache=cache)


def default_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of downloaded models that the library of the hub uses, by the same variables."""
    if named := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return Path(os.path.expandvars(named)).expanduser()
    if home := environment.get("HF_HOME"):
        return Path(os.path.expandvars(home)).expanduser() / "hub"
    root = environment.get("XDG_CACHE_HOME")
    return (Path(root).expanduser() if root else Path.home() / ".cache") / "huggingface" / "hub"
