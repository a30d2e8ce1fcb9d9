"""Signed heads as objects of a store, one for each: `0000000042.json`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore, ObjectStore, S3Store, from_url

from kinolog.adapters.obstore.folder_urls import folder_at
from kinolog.durable_files import PRIVATE_FOLDER, make_folder
from kinolog.merkle.witness import PublishedHead
from kinolog.network_addresses import without_secrets
from kinolog.ports.tree.head_target import HeadNotSent


class ObjectHeads:
    """Puts each head where there is none of its number: an object that is there stays as it is.

    A bucket with object lock needs a default retention; the requests have the checksum that it asks for.
    """

    every_seconds = 0.0

    def __init__(self, url: str) -> None:
        """Take a URL. Credentials come from the usual variables. Raises `ValueError`."""
        self._url = url
        self._folder = folder_at(url)
        self._store: ObjectStore | None = None

    @property
    def name(self) -> str:
        return without_secrets(self._url)

    async def send(self, head: PublishedHead) -> bytes:
        line = f"{head.line}\n".encode()
        path = f"{head.signed.number:010}.json"
        try:
            store = self._store = self._store or _store_at(self._url, self._folder)
            await store.put_async(path, line, mode="create")
        except (AlreadyExistsError, PreconditionError):
            await _check(store, path, line)
        except (BaseError, OSError, ValueError) as error:
            raise HeadNotSent(_reason(error)) from error
        return b""

    async def close(self) -> None:
        self._store = None


async def _check(store: ObjectStore, path: str, line: bytes) -> None:
    """Check that the object that is there is this head. Raises `HeadNotSent`."""
    try:
        found = bytes(await (await store.get_async(path)).bytes_async())
    except (BaseError, OSError) as error:
        raise HeadNotSent(_reason(error)) from error
    if found != line:
        raise HeadNotSent(
            f"{path} is there and has another head: history was rewritten, or two logs use one place"
        )


def _store_at(url: str, folder: Path | None) -> ObjectStore:
    if folder is not None:
        make_folder(folder, mode=PRIVATE_FOLDER)
        return LocalStore(folder)
    if urlsplit(url).scheme in ("s3", "s3a"):
        return S3Store.from_url(url, config={"checksum_algorithm": "SHA256"})
    return from_url(url)


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
