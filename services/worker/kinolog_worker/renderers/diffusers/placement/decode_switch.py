"""Switches an autoencoder between ways of decoding."""

from __future__ import annotations

from typing import Any

import torch

from kinolog.models.memory.placement import DecodeMode
from kinolog_worker.renderers.diffusers.latents import is_finite
from kinolog_worker.renderers.diffusers.placement.out_of_memory import HalfOverflow


class DecodeSwitch:
    """How one autoencoder decodes. While its weights are rounded to float16, a copy on the CPU holds them."""

    def __init__(self, vae: Any, *, always_tiles: bool) -> None:
        """`vae` may be None: then there is nothing to switch."""
        self._vae = vae
        self._always_tiles = always_tiles
        self._exact: dict[str, torch.Tensor] = {}
        self._check: Any = None

    def switch(self, mode: DecodeMode, *, may_halve: bool) -> None:
        """Decode in this way from now on; in float16 only if that is allowed."""
        if self._vae is None:
            return
        if mode is not DecodeMode.FULL and may_halve and hasattr(self._vae, "decoder"):
            self._halve()
        else:
            self._restore()
        if not self._always_tiles:
            self._tile(mode is DecodeMode.TILED)

    def _halve(self) -> None:
        if self._exact:
            return
        self._exact = {name: weights.cpu() for name, weights in self._vae.state_dict().items()}
        self._vae.to(torch.float16)
        # Before the check of frames, which ends the scene.
        self._check = self._vae.decoder.register_forward_hook(_check_half, prepend=True)

    def _restore(self) -> None:
        if not self._exact:
            return
        self._vae.to(next(iter(self._exact.values())).dtype)
        self._vae.load_state_dict(self._exact)
        self._exact = {}
        self._check.remove()

    def _tile(self, tiled: bool) -> None:
        for name in ("tiling", "slicing"):
            switch = getattr(self._vae, f"{'enable' if tiled else 'disable'}_{name}", None)
            if switch is not None:
                switch()


def _check_half(_: Any, __: Any, output: Any) -> None:
    """Raise HalfOverflow for an output of a decoder with infinities or numbers that are none."""
    if not is_finite(output):
        raise HalfOverflow("float16 is too small for the numbers of this autoencoder")
