"""Access tickets."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel


class SignedLinksInfo(ClientModel):
    """Paths of a job's files, which a browser reads without a key. None where there is no file yet."""

    video: str | None = None
    thumbnail: str | None = None
    preview: str | None = None
    scenes: tuple[str, ...] = ()
    scene_thumbnails: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


class TicketInfo(ClientModel):
    """A ticket that stands for the key of this client until it expires.

    `reads` is `files`, and then `links` has those of the job, or `live`, and then the handshake of a WebSocket offers
    `subprotocols`, once.
    """

    ticket: str
    reads: str
    job_id: str | None = None
    expires_at: datetime
    links: SignedLinksInfo | None = None
    subprotocols: tuple[str, ...] | None = None
