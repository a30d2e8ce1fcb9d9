"""What an autoencoder decoded of a clip: its latents, and the colours that each of them became."""

from __future__ import annotations

import torch

_MOST_FRAMES = 8
"""So many latent frames of a clip are enough to fit a map."""


class DecodedLatents:
    """Collects the latents of a clip, as its autoencoder is given them, with the mean colours of what it returns."""

    def __init__(self) -> None:
        self._latents: list[torch.Tensor] = []
        self._colours: list[torch.Tensor] = []
        self.scale = 0
        """The number of decoded pixels on the side of a latent pixel."""

    def add(self, latents: torch.Tensor, decoded: torch.Tensor) -> None:
        """Add what was decoded of latents: a clip (batch, channels, frames, height, width), or a picture of each.

        The colours of a latent frame are those of the decoded frame in its place.
        """
        clip, video = _first_clip(latents), _first_clip(decoded)
        if video.shape[0] != 3:  # Allegro decodes with frames before colours
            video = video.transpose(0, 1)
        if video.shape[0] != 3 or not clip.shape[1]:
            return
        frames, (height, width) = clip.shape[1], clip.shape[2:]
        last = video.shape[1] - 1
        places = [round(place * last / (frames - 1)) if frames > 1 else last // 2 for place in range(frames)]
        means = [  # one frame after the other: a clip in float32 is large
            torch.nn.functional.adaptive_avg_pool2d(video[:, place].float(), (height, width))
            for place in places
        ]
        self._latents.append(clip)
        self._colours.append(torch.stack(means, dim=1))
        self.scale = video.shape[2] // height

    def take(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return latents (channels, frames, height, width) and colours (3, frames, height, width), and forget them.

        None if nothing was added.
        """
        latents, colours = self._latents, self._colours
        self._latents, self._colours = [], []
        if not latents:
            return None
        return torch.cat(latents, dim=1).cpu(), torch.cat(colours, dim=1).cpu()


def _first_clip(values: torch.Tensor) -> torch.Tensor:
    """Return the first clip of a batch, or the clip of pictures, with the shape (channels, frames, height, width)."""
    return values[0].detach() if values.ndim == 5 else values.detach().transpose(0, 1)


def some_frames(count: int) -> list[int]:
    """Return the numbers of frames that are fitted of a clip of so many."""
    if count <= _MOST_FRAMES:
        return list(range(count))
    return [round(place * (count - 1) / (_MOST_FRAMES - 1)) for place in range(_MOST_FRAMES)]
