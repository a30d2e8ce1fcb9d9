"""Files of a job on their way into the artifact store, and scenes of earlier attempts on their way back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from kinolog.job.state import Job
from kinolog.job.values import Artifact, ArtifactKind
from kinolog.ports.artifacts import ArtifactMissing, ArtifactStore, StagedContent
from kinolog_worker.inference.messages import ArtifactFile, SceneFile

logger = logging.getLogger(__name__)

SCENE_TYPE = "video/mp4"


class StoredFileChanged(Exception):
    """A file is not what the inference process said it was."""


async def stage(store: ArtifactStore, path: Path, sha256: str) -> StagedContent:
    """Write a file under a temporary key, and compare what was written with its hash. Raises `StoredFileChanged`."""
    staged = await store.stage(path)
    if staged.sha256 != sha256:
        await store.discard(staged)
        raise StoredFileChanged(f"{path.name} changed on its way into the store")
    return staged


async def store_scene(store: ArtifactStore, file: SceneFile) -> Artifact:
    """Store a rendered scene, so that a later attempt can use it."""
    staged = await stage(store, file.path, file.sha256)
    stored = await store.commit(staged, file.path.suffix)
    return Artifact(
        kind=ArtifactKind.SCENE,
        key=stored.key,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        media_type=SCENE_TYPE,
    )


async def stage_files(store: ArtifactStore, files: Sequence[ArtifactFile]) -> list[StagedContent]:
    """Write the finished files under temporary keys, all checked. Raises `StoredFileChanged`."""
    return list(await asyncio.gather(*(stage(store, file.path, file.sha256) for file in files)))


async def commit_files(
    store: ArtifactStore, files: Sequence[ArtifactFile], staged: Sequence[StagedContent]
) -> tuple[Artifact, ...]:
    """Put staged files at their addresses; the artifacts as the log names them."""
    stored = await asyncio.gather(
        *(store.commit(part, file.path.suffix) for file, part in zip(files, staged, strict=True))
    )
    return tuple(
        Artifact(
            kind=ArtifactKind(file.kind),
            key=s.key,
            sha256=s.sha256,
            size_bytes=s.size_bytes,
            media_type=file.media_type,
        )
        for file, s in zip(files, stored, strict=True)
    )


async def fetch_scenes(store: ArtifactStore, job: Job, folder: Path) -> list[SceneFile]:
    """The scenes that earlier attempts stored, as files in `folder`. One that cannot be had is left out."""
    wanted = [scene for scene in job.scenes if scene.artifact is not None]
    fetched = []
    for scene in wanted:
        artifact = scene.artifact
        if artifact is None:
            continue
        path = folder / f"earlier-{scene.index:04}.mp4"
        try:
            await _download(store, artifact.key, path)
        except ArtifactMissing:
            logger.warning("scene %d of job %s is no longer stored", scene.index, job.id)
            continue
        fetched.append(SceneFile(scene.index, path, artifact.sha256, scene.frames, artifact.size_bytes))
    return fetched


async def _download(store: ArtifactStore, key: str, path: Path) -> None:
    with path.open("wb") as file:
        async for chunk in store.read(key):
            await asyncio.to_thread(file.write, chunk)
