"""Downloads a model of the hub, so that it goes on where it was, whatever ends it (decision 92).

The library of the hub begins a file again that was not finished. Here a large file grows in the folder of the library
until its hash is right, and the library then finds it there. Its lock lets one process download a file at a time.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from errno import ENOSPC
from functools import partial
from hashlib import sha256
from io import FileIO
from pathlib import Path
from threading import Event
from typing import Any

from filelock import Timeout
from huggingface_hub import hf_hub_download, hf_hub_url
from huggingface_hub import utils as hub_utils

from kinolog.counts import counted
from kinolog.durable_files import flush_file, rename_durably
from kinolog.models.hub.errors import FileDamaged, HubUnreachable, NoRoomForModel, NoSuchModel
from kinolog.models.hub.hub_model import HubModel
from kinolog.models.hub.listing import TIMEOUT_SECONDS, HubFile, HubListing, hub_listing, translated
from kinolog.models.hub.needed_files import SAFE, NoPipeline, needed_files, weight_indexes
from kinolog.models.hub.snapshots import PARTIAL, local_snapshot, pin
from kinolog.models.model_index import INDEXES
from kinolog.process.backoff import Backoff

_library: Any = hub_utils  # it exports its names lazily, without types

FILES_AT_ONCE = 4
REPORT_SECONDS = 0.5
"""Interval of reports."""

LOCK_SECONDS = 0.5
"""Interval at which a download that waits for another process looks whether it is to stop."""

SPARE_BYTES = 1 << 30
"""Room that a download leaves on the disk."""

BACKOFF = Backoff(first_seconds=1.0, longest_seconds=16.0)
MOST_FAILURES = 6
"""So many failures in a row without a byte between them end a download."""

MOST_DAMAGED = 2
"""So often in a row a file is downloaded with another hash than the hub states."""

_GIB = 1 << 30
_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """Bytes that are here, of all that are needed. `checked` are those that were compared with a hash meanwhile."""

    received: int
    total: int
    checked: int = field(default=0, compare=False)


class DownloadStopped(Exception):
    """`stop` was called."""


class ModelDownload:
    """One download. `run` reports the bytes that are here, also those that another process receives meanwhile."""

    def __init__(
        self,
        model: HubModel,
        report: Callable[[DownloadProgress], None] = lambda _: None,
        *,
        backoff: Backoff = BACKOFF,
        spare_bytes: int = SPARE_BYTES,
    ) -> None:
        self._model = model
        self._report = report
        self._backoff = backoff
        self._spare_bytes = spare_bytes
        self._stop = Event()
        self._checked: dict[str, int] = {}
        """Bytes that were compared, by the hashes of the files."""

    def stop(self) -> None:
        """End the download. What was received stays."""
        self._stop.set()

    def run(self) -> Path:
        """Download what is missing, pin the commit, and return the folder. Raises DownloadFailed and OSError."""
        _library.disable_progress_bars()
        listing: HubListing = self._until_reached(lambda: hub_listing(self._model))
        files = self._needed(listing)
        self._check_room(files)
        with ThreadPoolExecutor(FILES_AT_ONCE) as threads:
            try:
                self._fetch_all(threads, listing.commit, files)
            except BaseException:
                self.stop()
                raise
        pin(self._model, listing.commit)
        folder = local_snapshot(self._model)
        if folder is None:
            raise NoSuchModel(f"{self._model.title} is not whole although all of it was downloaded")
        return folder

    def _needed(self, listing: HubListing) -> list[HubFile]:
        """Return the files that are loaded. Raises DownloadFailed if the model lacks some."""
        if self._model.file:
            return [self._named_file(listing)]
        paths = frozenset(file.path for file in listing.files)

        def read(path: str) -> Any:
            return json.loads(self._small_file(listing.commit, path).read_text(encoding="utf-8"))

        try:
            index = next((name for name in INDEXES if name in paths), None)
            if index is not None and isinstance(stated := read(index), dict):
                for path in weight_indexes(paths, stated):
                    self._small_file(listing.commit, path)
            needed = needed_files(paths, read, self._model.without)
        except (NoPipeline, ValueError) as error:
            raise NoSuchModel(f"{self._model.name} cannot be used: {error}") from error
        if needed.missing:
            raise NoSuchModel(f"{self._model.name} cannot be used; it lacks {', '.join(needed.missing)}")
        return [file for file in listing.files if file.path in needed.paths]

    def _named_file(self, listing: HubListing) -> HubFile:
        """Return the one file that is needed. Raises NoSuchModel."""
        model = self._model
        found = next((file for file in listing.files if file.path == model.file), None)
        if found is None:
            weights = [file.path for file in listing.files if file.path.endswith(SAFE)]
            others = ", ".join(weights[:5]) or "no safetensors file"
            raise NoSuchModel(
                f"{model.name} has no file {model.file} at revision {model.revision}, but {others}; "
                "correct its entry in the catalogue, or pull another revision"
            )
        return found

    def _check_room(self, files: Sequence[HubFile]) -> None:
        missing = sum(file.size - self._received(file) for file in files)
        folder = next(path for path in (self._model.cache, *self._model.cache.parents) if path.exists())
        free = shutil.disk_usage(folder).free
        if missing and missing + self._spare_bytes > free:
            raise NoRoomForModel(
                f"{self._model.title} needs {missing / _GIB:.1f} GiB more and {self._spare_bytes / _GIB:.0f} GiB to "
                f"spare, and {free / _GIB:.1f} GiB are free in {folder}; make room there, or name another folder "
                "with HF_HUB_CACHE"
            )

    def _fetch_all(self, threads: ThreadPoolExecutor, commit: str, files: Sequence[HubFile]) -> None:
        total = sum(file.size for file in files)
        self._checked = {file.blob: 0 for file in files}
        fetches = {threads.submit(self._fetch, commit, file) for file in files}
        while True:
            self._report(
                DownloadProgress(sum(map(self._received, files)), total, sum(self._checked.values()))
            )
            if not fetches:
                return
            done, fetches = wait(fetches, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION)
            for fetch in done:
                fetch.result()

    def _received(self, file: HubFile) -> int:
        """Return the bytes of a file that are here."""
        blob = self._blob(file)
        for path in (blob, _partial(blob)):
            with suppress(OSError):
                return min(file.size, path.stat().st_size)
        return 0

    def _fetch(self, commit: str, file: HubFile) -> None:
        if file.is_large:
            self._until_reached(partial(self._fill_blob, commit, file), lambda: self._received(file))
        self._small_file(commit, file.path)  # a link to the blob

    def _small_file(self, commit: str, path: str) -> Path:
        """Return a file of the snapshot, downloaded by the library if its blob is not here."""
        name, cache = self._model.name, self._model.cache

        def fetch() -> Path:
            return Path(hf_hub_download(name, path, revision=commit, cache_dir=cache))

        found: Path = self._until_reached(fetch)
        return found

    def _until_reached(self, work: Callable[[], Any], received: Callable[[], int] = lambda: 0) -> Any:
        """Return what the work returns. Do it again while the hub cannot be reached, without limit while bytes come.

        What was damaged is downloaded once more.
        """
        failures, before = 0, received()
        pauses = self._backoff.pauses()
        while True:
            try:
                with translated(self._model):
                    return work()
            except (HubUnreachable, FileDamaged) as error:
                if (now := received()) > before:
                    failures, pauses = 0, self._backoff.pauses()
                failures, before = failures + 1, now
                if failures >= (MOST_DAMAGED if isinstance(error, FileDamaged) else MOST_FAILURES):
                    raise
            if self._stop.wait(next(pauses)):
                raise DownloadStopped

    def _fill_blob(self, commit: str, file: HubFile) -> None:
        """Receive what is missing of a large file. Raises HubUnreachable and FileDamaged if it is not whole then."""
        blob = self._blob(file)
        blob.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(file):
            if blob.exists():
                return
            growing = _partial(blob)
            with growing.open("ab", buffering=0) as target:
                if target.tell() < file.size:
                    self._receive(commit, file, target)
            size = growing.stat().st_size
            if size < file.size:
                raise HubUnreachable(
                    f"the connection ended after {size} of {counted(file.size, 'byte')} of {file.path}"
                )
            if not self._has_hash(growing, file.blob):
                growing.unlink()
                raise FileDamaged(f"{file.path} has not the hash that the hub states; look at HF_ENDPOINT")
            flush_file(growing)  # whoever finds the blob does not read it again
            rename_durably(growing, blob)

    @contextmanager
    def _locked(self, file: HubFile) -> Iterator[None]:
        """Hold the lock of a file, which the library of the hub takes too. Raises DownloadStopped."""
        lock = self._model.cache / ".locks" / self._model.folder.name / f"{file.blob}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(_library.WeakFileLock(lock, timeout=LOCK_SECONDS))
                    break
                except Timeout:
                    if self._stop.is_set():
                        raise DownloadStopped from None
            yield

    def _receive(self, commit: str, file: HubFile, target: FileIO) -> None:
        url = hf_hub_url(self._model.name, file.path, revision=commit)
        headers = _library.build_hf_headers() | {"Accept-Encoding": "identity"}
        if start := target.tell():
            headers["Range"] = f"bytes={start}-"
        with _library.get_session().stream("GET", url, headers=headers, timeout=TIMEOUT_SECONDS) as response:
            _library.hf_raise_for_status(response)
            if start and response.status_code != 206:
                target.truncate(0)
            for chunk in response.iter_raw():
                if self._stop.is_set():
                    raise DownloadStopped
                self._write(target, chunk)

    def _write(self, target: FileIO, chunk: bytes) -> None:
        try:
            target.write(chunk)
        except OSError as error:
            if error.errno != ENOSPC:
                raise
            raise NoRoomForModel(f"the disk of {self._model.cache} is full; make room there") from error

    def _has_hash(self, path: Path, stated: str) -> bool:
        """Return whether a file has a hash, which takes minutes on a slow disk. Raises DownloadStopped."""
        found = sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                if self._stop.is_set():
                    raise DownloadStopped
                found.update(chunk)
                self._checked[stated] += len(chunk)
        return found.hexdigest() == stated

    def _blob(self, file: HubFile) -> Path:
        return self._model.folder / "blobs" / file.blob


def _partial(blob: Path) -> Path:
    return blob.with_name(blob.name + PARTIAL)
