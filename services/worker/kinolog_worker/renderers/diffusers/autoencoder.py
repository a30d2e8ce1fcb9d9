"""The seam at a pipeline's autoencoders: dtypes are cast there, the latents of a clip can be taken there, and what is
decoded is checked there, before anything cuts off its infinities.

The pipeline denormalizes the latents and calls `vae.decode`. An autoencoder of another dtype than the network would
refuse them after the whole denoising. Where the family allows it, `decode` returns at once, and the renderer decodes
the latents frame by frame after the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import torch
from diffusers.models.autoencoders import vae as _vae

from kinolog_worker.renderers.diffusers.latents import check_numbers, decode_runs, latents_of_a_run
from kinolog_worker.renderers.diffusers.modular.minimax_decoding import decodes_clips
from kinolog_worker.renderers.diffusers.pipeline_loader import is_wan_autoencoder
from kinolog_worker.renderers.diffusers.placement.out_of_memory import (
    HalfOverflow,
    is_out_of_memory,
    release_frames,
)

_autoencoders: Any = _vae  # untyped in part
_OF_FRAMES = ("vae", "vqvae", "diffusion_decoder")
_NAMES = (*_OF_FRAMES, "audio_vae")


class AutoencoderSeam:
    """Hooks at `decode` and `encode` of a pipeline's autoencoders. They keep signatures and stay for its lifetime."""

    def __init__(self, pipe: Any, *, streams: bool) -> None:
        self._pipe = pipe
        self._streams = streams
        self._taken: torch.Tensor | None = None
        self._lower: Callable[[BaseException], bool] = no_other_way
        self._show: Callable[[torch.Tensor, torch.Tensor], None] = _show_nobody
        for name in _NAMES:
            autoencoder = getattr(pipe, name, None)
            if autoencoder is not None:
                shows = name in _OF_FRAMES
                autoencoder.decode = self._decode(autoencoder, takes=name == "vae", shows=shows)
                if shows:
                    _check_frames(autoencoder)
                if hasattr(autoencoder, "encode"):
                    autoencoder.encode = _encode(autoencoder)

    @property
    def streams(self) -> bool:
        """Whether the next clip is decoded frame by frame: never past a check of its frames, nor in tiles."""
        vae: Any = getattr(self._pipe, "vae", None)  # a modular pipeline may have another decoder
        return (
            self._streams
            and (decodes_clips(vae) or (is_wan_autoencoder(vae) and not vae.use_tiling))
            and getattr(self._pipe, "safety_checker", None) is None
        )

    def lower_with(self, lower: Callable[[BaseException], bool]) -> None:
        """Call this when memory runs out in `vae.decode`, or float16 is too small for its numbers.

        It changes how the autoencoder decodes and returns True, or returns False. The latents are decoded again, so
        that no step is drawn twice.
        """
        self._lower = lower

    def show_to(self, show: Callable[[torch.Tensor, torch.Tensor], None]) -> None:
        """Call this with latents and what was decoded of them, colours from -1 to 1, for all that is decoded."""
        self._show = show

    def take(self) -> torch.Tensor | None:
        """Return the latents that `decode` was called with, in the scale of the autoencoder, and forget them.

        Shape (batch, channels, frames, height, width). None if they were decoded in the call.
        """
        taken, self._taken = self._taken, None
        return taken

    def decoded_runs(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield videos (batch, 3, frames, height, width), -1 to 1, of latents that were taken: whole if in tiles.

        Raises HalfOverflow.
        """
        vae = self._pipe.vae
        latents = latents.to(vae.device, vae.dtype)
        if not self.streams:
            with torch.no_grad():
                yield vae.decode(latents, return_dict=False)[0].clamp(-1.0, 1.0)
            return
        frames = latents_of_a_run(vae)
        for number, run in enumerate(decode_runs(vae, latents)):
            self._show(latents[:, :, number * frames : (number + 1) * frames], run)
            yield run

    def _decode(self, autoencoder: Any, *, takes: bool, shows: bool) -> Callable[..., Any]:
        decode = _cast(autoencoder, autoencoder.decode)

        @wraps(decode)
        def decode_or_take(latents: torch.Tensor, *positional: Any, **named: Any) -> Any:
            if not (takes and self.streams and latents.ndim == 5):
                decoded = self._decoded(lambda: decode(latents, *positional, **named))
                if shows:
                    self._show(latents, decoded[0])
                return decoded
            self._taken = latents.to(autoencoder.dtype)
            blank = torch.zeros((len(latents), 3, 1, 8, 8), dtype=autoencoder.dtype, device=latents.device)
            if named.get("return_dict") is False:
                return (blank,)
            return _autoencoders.DecoderOutput(sample=blank)

        return decode_or_take

    def _decoded(self, decode: Callable[[], Any]) -> Any:
        """Return what a decode returns, in whatever way there is memory for it."""
        while True:
            try:
                return decode()
            except (RuntimeError, MemoryError, HalfOverflow) as error:
                if not (isinstance(error, HalfOverflow) or is_out_of_memory(error)):
                    raise
                release_frames(error)
                if not self._lower(error):
                    raise


def _show_nobody(_: torch.Tensor, __: torch.Tensor) -> None:
    """Do nothing with what is decoded."""


def no_other_way(_: BaseException) -> bool:
    """Return False: there is one way to decode."""
    return False


def _check_frames(autoencoder: Any) -> None:
    """Let a decoder raise RenderFailed for frames that have no numbers."""
    decoder = getattr(autoencoder, "decoder", None)
    if isinstance(decoder, torch.nn.Module):
        decoder.register_forward_hook(lambda _, __, decoded: check_numbers(decoded))


def _encode(autoencoder: Any) -> Callable[..., Any]:
    """Return the `encode` of an autoencoder that takes pixels of any dtype, and returns its latents in that dtype.

    A pipeline gives pixels in the dtype of its network where it goes on with the latents as they are.
    """
    encode = _cast(autoencoder, autoencoder.encode)

    @wraps(encode)
    def encode_and_return(pixels: torch.Tensor, *positional: Any, **named: Any) -> Any:
        encoded = encode(pixels, *positional, **named)
        latents = encoded[0] if isinstance(encoded, tuple) else getattr(encoded, "latent_dist", None)
        for name, value in vars(latents).items() if latents is not None else ():
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                setattr(latents, name, value.to(pixels.dtype))
        return encoded

    return encode_and_return


def _cast(autoencoder: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its tensors of floats cast to the dtype of the autoencoder."""

    def cast(value: Any) -> Any:
        floats = isinstance(value, torch.Tensor) and value.is_floating_point()
        return value.to(autoencoder.dtype) if floats else value

    @wraps(function)
    def with_cast(*positional: Any, **named: Any) -> Any:
        return function(*map(cast, positional), **{name: cast(value) for name, value in named.items()})

    return with_cast
