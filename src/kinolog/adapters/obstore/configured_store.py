"""The artifact store at the URL of a setting."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store, from_url

from kinolog.adapters.obstore.artifacts import ObstoreArtifacts
from kinolog.adapters.obstore.folder_urls import folder_at
from kinolog.adapters.obstore.live_videos import ObstoreLiveVideos
from kinolog.durable_files import PRIVATE_FOLDER, make_folder
from kinolog.network_addresses import without_secrets
from kinolog.ports.artifacts import StoreArea


class ArtifactStoreUnusable(OSError):
    """The store at the configured URL cannot be used. The message names the setting and the reason."""


def configured_artifacts(url: str, area: StoreArea = StoreArea.JOBS) -> ObstoreArtifacts:
    """Return an area of the store of the setting KINOLOG_ARTIFACTS_URL. Raises `ArtifactStoreUnusable`."""
    store, folder = _configured_store(url)
    return ObstoreArtifacts(store, folder, area)


def configured_live_videos(url: str) -> ObstoreLiveVideos:
    """Return the live videos in the store of the setting KINOLOG_ARTIFACTS_URL. Raises `ArtifactStoreUnusable`."""
    return ObstoreLiveVideos(*_configured_store(url))


def _configured_store(url: str) -> tuple[ObjectStore, Path | None]:
    try:
        return _store_at(url)
    except (OSError, ValueError, BaseError) as error:
        shown = without_secrets(url)
        reason = (str(error).splitlines() or [type(error).__name__])[0].replace(url, shown)
        raise ArtifactStoreUnusable(f"KINOLOG_ARTIFACTS_URL: cannot use {shown}: {reason}") from None


def artifacts_at(url: str, area: StoreArea = StoreArea.JOBS) -> ObstoreArtifacts:
    """Return an area of the store at a file://, s3://, gs:// or az:// URL; the folder of a file:// URL is created.

    Credentials of cloud stores come from their usual environment variables. Raises `OSError` if the folder cannot be
    created, `ValueError` for a file:// URL that is not absolute.
    """
    store, folder = _store_at(url)
    return ObstoreArtifacts(store, folder, area)


def live_videos_at(url: str) -> ObstoreLiveVideos:
    """Return the live videos in the store at a URL. Raises like `artifacts_at`."""
    return ObstoreLiveVideos(*_store_at(url))


def _store_at(url: str) -> tuple[ObjectStore, Path | None]:
    """Return the store, with its path if it is a folder."""
    folder = folder_at(url)
    if folder is not None:
        make_folder(folder, mode=PRIVATE_FOLDER)
        return LocalStore(folder), folder
    if urlsplit(url).scheme in ("s3", "s3a"):
        return S3Store.from_url(url, config={"copy_if_not_exists": "multipart"}), None
    return from_url(url), None
