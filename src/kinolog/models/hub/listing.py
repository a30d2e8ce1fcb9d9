"""What the hub says of a model: its commit, its files with sizes and hashes, its licence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOSPC
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from kinolog.models.hub.errors import (
    AccessDenied,
    DownloadFailed,
    HubUnreachable,
    NoRoomForModel,
    NoSuchModel,
)
from kinolog.models.hub.hub_model import HubModel, is_commit

TIMEOUT_SECONDS = 20.0
"""How long the hub may take to answer."""

_TRANSPORT_ERROR: type[Exception] = HfHubHTTPError.__mro__[1]
"""The base of all errors of the HTTP library that the library of the hub is built on."""

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NOT_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a model. `blob` is its hash: SHA-256 of a large file (`is_large`), else that of a git blob (SHA-1)."""

    path: str
    size: int
    blob: str
    is_large: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HubListing:
    """The files of a model at a commit."""

    commit: str
    files: tuple[HubFile, ...]
    licence: str = ""


def hub_listing(model: HubModel) -> HubListing:
    """Return the files of a model at its revision. Raises DownloadFailed."""
    with translated(model):
        info = HfApi().model_info(
            model.name, revision=model.revision, files_metadata=True, timeout=TIMEOUT_SECONDS
        )
    files = tuple(_file(sibling) for sibling in info.siblings or ())
    if info.sha is None or not is_commit(info.sha):
        raise HubUnreachable(f"{_address()} does not answer as a hub does; look at HF_ENDPOINT")
    card: Any = info.card_data
    return HubListing(commit=info.sha, files=files, licence=str((card and card.get("license")) or ""))


def _address() -> str:
    """Return the address of the hub, for people: without the account that a mirror may have in it."""
    address = urlsplit(constants.ENDPOINT)
    return urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))


@contextmanager
def translated(model: HubModel) -> Iterator[None]:
    """Raise DownloadFailed for an error of the library of the hub."""
    try:
        yield
    except DownloadFailed:
        raise
    except Exception as error:
        failure = _failure(model, error)
        if failure is None:
            raise
        raise failure from error


def _failure(model: HubModel, error: Exception) -> DownloadFailed | None:
    """Return what an error means; None for one that has nothing to do with the hub."""
    hub = _address()
    page = f"{hub}/{model.name}"
    match error:
        case OfflineModeIsEnabled():
            return NoSuchModel(
                f"{model.name} is not on this machine, and HF_HUB_OFFLINE forbids to download it"
            )
        case GatedRepoError():
            return AccessDenied(
                f"{model.name} is given only to those who accept its licence: accept it at {page}, "
                "and set HF_TOKEN to a token of that account"
            )
        case RepositoryNotFoundError():
            return NoSuchModel(
                f"{hub} has no model {model.name}, or it is private: correct the name, "
                "or set HF_TOKEN to a token of an account that may read it"
            )
        case RevisionNotFoundError():
            return NoSuchModel(
                f"{model.name} has no revision {model.revision}; {page}/commits/main lists them"
            )
        case LocalEntryNotFoundError():
            return HubUnreachable(f"{hub} cannot be reached")
        case EntryNotFoundError():
            return NoSuchModel(f"{model.name} has lost a file while it was downloaded; try again")
        case HfHubHTTPError():
            status = error.response.status_code
            if status in (401, 403):
                return AccessDenied(
                    f"{hub} refuses {model.name} to this account ({status}): set HF_TOKEN to a token "
                    "that may read it"
                )
            if status in _NOT_NOW:
                return HubUnreachable(f"{hub} answers with {status}")
            return NoSuchModel(f"{hub} refuses {model.name} with {status}")
        case OSError(errno=number) if number == ENOSPC:
            return NoRoomForModel(f"the disk of {model.cache} is full; make room there")
    if isinstance(error, _TRANSPORT_ERROR | ConnectionError | TimeoutError):
        return HubUnreachable(f"{hub} cannot be reached ({type(error).__name__})")
    return None


def _file(sibling: Any) -> HubFile:
    """Return a file of the answer. Raises NoSuchModel for a hash that is none: it becomes the name of a file here."""
    blob = sibling.blob_id if sibling.lfs is None else sibling.lfs.sha256
    if _HASH.fullmatch(blob or "") is None:
        raise NoSuchModel(f"{_address()} states no hash of {sibling.rfilename}; look at HF_ENDPOINT")
    if sibling.lfs is not None:
        return HubFile(path=sibling.rfilename, size=sibling.lfs.size, blob=blob, is_large=True)
    return HubFile(path=sibling.rfilename, size=sibling.size or 0, blob=blob)
