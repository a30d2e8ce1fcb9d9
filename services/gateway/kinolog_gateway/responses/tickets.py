"""A ticket in REST responses, and links with one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import status_name
from kinolog_gateway.http.edge.browser_credentials import KEY_PROTOCOL, LIVE_PROTOCOL, signed_path
from kinolog_gateway.responses.job_parts import InputView, JobLinks, ResponseModel, job_links
from kinolog_gateway.responses.storyboards.job_scenes import scene_path


class SignedLinks(ResponseModel):
    """Paths of a job's files, each with the ticket; null where there is no file yet."""

    video: str | None
    thumbnail: str | None
    preview: str | None
    scenes: list[str] = Field(description="Rendered scenes, in order.")
    scene_thumbnails: list[str] = Field(description="Middle frames of rendered scenes, in order.")
    inputs: list[str] = Field(description="What the job starts from.")

    @classmethod
    def of(cls, job: pb.Job, ticket: str) -> SignedLinks:
        """Return the links of a job's files."""
        links = job_links(job.id, job.artifacts, completed=status_name(job.status) == "completed")
        rendered = [scene.index for scene in job.scenes if scene.HasField("artifact")]
        pictured = [scene.index for scene in job.scenes if scene.HasField("thumbnail")]
        return cls(
            video=_signed(links.video, ticket),
            thumbnail=_signed(links.thumbnail, ticket),
            preview=_signed(links.preview, ticket),
            scenes=[signed_path(scene_path(job.id, index), ticket) for index in rendered],
            scene_thumbnails=[
                signed_path(f"{scene_path(job.id, index)}/thumbnail", ticket) for index in pictured
            ],
            inputs=[signed_path(one.file, ticket) for one in InputView.all_of(job) if one.file],
        )


class TicketView(ResponseModel):
    """A ticket that stands for an API key where none can be sent. It ends with its key."""

    ticket: str = Field(
        description="Query parameter `ticket` of the link of a file or a stream of events, or part of a "
        "WebSocket's subprotocol.",
        examples=["kinot1.bm9uY2U"],
    )
    reads: Literal["files", "live"] = Field(description="files: those of a job. live: one connection.")
    job_id: str | None = Field(description="The job of the files; null for live updates.")
    expires_at: datetime
    links: SignedLinks | None = Field(description="The files of the job; null for live updates.")
    subprotocols: list[str] | None = Field(
        description="What the handshake with /ws offers; null for files.",
        examples=[[LIVE_PROTOCOL, f"{KEY_PROTOCOL}kinot1.bm9uY2U"]],
    )


def with_ticket(links: JobLinks, ticket: str) -> JobLinks:
    """Return the links of a job with a ticket at those of files."""
    files = {name: _signed(getattr(links, name), ticket) for name in ("video", "thumbnail", "preview")}
    return links.model_copy(update=files)


def _signed(path: str | None, ticket: str) -> str | None:
    return None if path is None else signed_path(path, ticket)
