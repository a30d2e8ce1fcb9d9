"""The latents of a scene that is denoised and not decoded yet."""

from __future__ import annotations

import torch

from kinolog_worker.renderers.renderer import SceneRequest


class DenoisedScene:
    """Keeps latents while they are decoded, so that no step is drawn twice if memory runs out meanwhile.

    They are handed out only after `to_host`: a scene that ended in another way is drawn again.
    """

    def __init__(self) -> None:
        self._request: SceneRequest | None = None
        self._latents: torch.Tensor | None = None
        self._on_host = False

    def keep(self, request: SceneRequest, latents: torch.Tensor) -> None:
        """Keep the latents of a request."""
        self._request, self._latents, self._on_host = request, latents, False

    def of(self, request: SceneRequest) -> torch.Tensor | None:
        """Return the latents of this request; None if there are none."""
        return self._latents if self._on_host and request == self._request else None

    def to_host(self) -> None:
        """Move them to host memory, for the next call with this request."""
        if self._latents is not None:
            self._latents, self._on_host = self._latents.cpu(), True

    def forget(self) -> None:
        """Keep nothing."""
        self._request = self._latents = None
