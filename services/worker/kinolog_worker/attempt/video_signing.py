"""The stage `sign`: the video of a finished job becomes a file that states what made it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path

from kinolog.job.rendering.interpolation import Interpolation
from kinolog.job.values import ArtifactKind, Spec
from kinolog.models.postprocess.interpolation import FILTER
from kinolog.provenance import Provenance
from kinolog_worker.attempt.artifact_files import StoredFileChanged
from kinolog_worker.attempt.lease import Lease
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import ArtifactFile, FinishedMessage


class VideoSigning:
    """Signs the video of one attempt. Thumbnail, preview and scenes stay unsigned (decision 42)."""

    def __init__(self, dependencies: WorkerDependencies, lease: Lease) -> None:
        self._dependencies = dependencies
        self._lease = lease

    async def signed_files(self, finished: FinishedMessage) -> tuple[ArtifactFile, ...]:
        """Return the finished files with the signed video in place of the unsigned one.

        Raises `SigningFailed`, `UnsignableVideo`, `StoredFileChanged` if the video is not the one that was verified,
        and `OSError` if the signed copy cannot be written.
        """
        signer = self._dependencies.signer
        if signer is None:
            return finished.files
        provenance = self._provenance(finished)
        files = []
        for file in finished.files:
            if file.kind != ArtifactKind.VIDEO:
                files.append(file)
                continue
            found, _ = await asyncio.to_thread(_content_of, file.path)
            if found != file.sha256:
                raise StoredFileChanged(f"{file.path.name} changed before it was signed")
            target = file.path.with_name(f"signed-{file.path.name}")
            signed_by = await asyncio.to_thread(signer.sign, file.path, target, provenance)
            sha256, size_bytes = await asyncio.to_thread(_content_of, target)
            files.append(
                replace(file, path=target, sha256=sha256, size_bytes=size_bytes, signed_by=signed_by)
            )
        return tuple(files)

    def _provenance(self, finished: FinishedMessage) -> Provenance:
        """Return what the video states. The last commit is the one that the worker knows: later ones build on it."""
        spec = self._lease.job.spec
        runtime = self._dependencies.status.runtime(spec.model)
        return Provenance(
            job_id=self._lease.job.id,
            model=spec.model,
            model_revision=runtime.model_revision,
            version=version("kinolog"),
            made_at=self._dependencies.clock(),
            frame_hash=finished.media.frame_hash,
            log_hash=self._lease.tail.digest.hex(),
            upscaler=runtime.upscaler,
            loras=runtime.loras,
            interpolation=_interpolation(spec),
            profile=runtime.profile,
        )


def _content_of(path: Path) -> tuple[str, int]:
    """Return the SHA-256 and the size of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _interpolation(spec: Spec) -> Interpolation | None:
    if not spec.interpolate_fps:
        return None
    return Interpolation(filter=FILTER, drawn_fps=spec.fps, fps=spec.interpolate_fps)
