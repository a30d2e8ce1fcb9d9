"""The memory that a model needs on each rung of the ladder for a clip of some size. Pure, without torch.

Weights are known to the byte. What a network holds while it computes is estimated: the autoencoder's share from a pass
without data, the denoiser's from its number of tokens. Both are calibrated with Wan 2.1 1.3B on an H200, where the
estimates of its peaks are between 3 % less and 27 % more than what was measured. See docs/memory.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Any

from kinolog.counts import counted
from kinolog.models.families import Family
from kinolog.models.hub.needed_files import GGUF
from kinolog.models.memory.autoencoders import DecodeMemory, decode_memory
from kinolog.models.memory.placement import (
    LOSSY,
    QUANTISED_NEVER,
    QUANTISING_PACKAGES,
    DecodeMode,
    Rung,
    WeightPlacement,
    missing_placements,
)
from kinolog.models.memory.quantised_parts import quantised_parts, quantised_size
from kinolog.models.memory.weight_file import file_size
from kinolog.models.memory.weights import NetworkSize, network_sizes

GIB = 1 << 30

ENCODERS = ("text_encoder", "image_encoder")
DENOISERS = ("transformer", "unet", "controlnet")
"""How the names of components begin."""

CONTEXT_BYTES = int(0.6 * GIB)
"""What the context of a process takes of a GPU beside its tensors."""

_WORKSPACE_BYTES = GIB
"""What convolutions of a decoder take for themselves."""

_RESERVE = 1.3
"""The allocator holds so many times of what tensors need at the peak of a decode."""

_TOKEN_TENSORS = 29
"""Tensors of all tokens in the width of the denoiser that its peak is worth, with what the allocator holds."""

_ENCODING_BYTES = GIB // 2
"""What text encoders hold while they encode."""

_HALF_BYTES, _WHOLE_BYTES = 2, 4

_LAYERS_AHEAD = 2
"""Blocks that are on the device at once: one computes, the next one is copied."""

_SMALL_PLACEMENTS = (WeightPlacement.TEXT_OFFLOAD, WeightPlacement.GROUP_OFFLOAD, *LOSSY)
"""Planned placements, one of which needs least of the device."""

_FLOAT8_SHARE = 0.55
"""What weights of 8 bits take of weights of 16, with the layers that keep their dtype."""

_QUANTISED_BYTES = {WeightPlacement.INT8: 1.002, WeightPlacement.NF4: 0.516}
"""Bytes of a quantised weight, with its share of the scales."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSize:
    """Pixels on the sides of a scene and its frames, as the model draws them."""

    width: int
    height: int
    frames: int

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}, {counted(self.frames, 'frame')}"


class Phase(StrEnum):
    """What a scene is made by, one after the other. Each has a peak of memory of its own."""

    ENCODE = "encode"
    DENOISE = "denoise"
    DECODE = "decode"


@dataclass(frozen=True, slots=True, kw_only=True)
class RungNeed:
    """What a rung needs: bytes of the device at the peak of each phase, and bytes of host memory that stay occupied."""

    peaks: Mapping[Phase, int]
    host_bytes: int

    @property
    def phase(self) -> Phase:
        """The phase that needs most of the device."""
        return max(self.peaks, key=lambda phase: self.peaks[phase])

    @property
    def device_bytes(self) -> int:
        """Bytes of the device at the highest peak."""
        return self.peaks[self.phase]


@dataclass(frozen=True, slots=True)
class ModelMemory:
    """What decides the memory of a model. Networks by the names of their components.

    `weight_bytes` is the size of a weight on the device, `decode_bytes` that of one of the autoencoder. `token_side` is
    the side of a token in pixels, and `frames_of_latent` the number of frames in a latent one. `passes` are the prompts
    that the denoiser takes at once. With `streams` frames are decoded one latent frame after the other. `may_halve`
    says whether the autoencoder may decode in float16. `adapter_bytes` is the size of the LoRAs beside the denoiser.
    Networks whose weights are `quantised` in their files stay on the device. `without` are placements that are not to
    be had here.
    """

    networks: Mapping[str, NetworkSize]
    autoencoder: DecodeMemory
    _: KW_ONLY
    weight_bytes: int = _HALF_BYTES
    decode_bytes: int = _WHOLE_BYTES
    token_side: int = 16
    frames_of_latent: int = 4
    passes: int = 1
    streams: bool = False
    may_halve: bool = False
    adapter_bytes: int = 0
    quantised: frozenset[str] = frozenset()
    without: frozenset[WeightPlacement] = frozenset()

    def need(self, rung: Rung, size: DrawnSize) -> RungNeed:
        """Return what a rung needs for a scene of this size."""
        peaks = {
            Phase.ENCODE: self._resident(rung, Phase.ENCODE) + _ENCODING_BYTES,
            Phase.DENOISE: self._resident(rung, Phase.DENOISE) + self.denoising_bytes(size),
            Phase.DECODE: self._resident(rung, Phase.DECODE) + self._decoding_bytes(rung.decode, size),
        }
        return RungNeed(peaks=peaks, host_bytes=self.hosted_bytes(rung.weights))

    def resident_bytes(self, rung: Rung) -> int:
        """Return the weights that stay on the device between scenes."""
        return self._resident(rung, Phase.DECODE)

    def has(self, rung: Rung) -> bool:
        """Return whether the model has the placement, and can be decoded in a way that is not that of another rung."""
        if not self.has_placement(rung.weights):
            return False
        if rung.decode is DecodeMode.HALF:
            return self.may_halve
        return rung.decode is not DecodeMode.TILED or self.autoencoder.has_tiles

    @property
    def has_quantised_denoiser(self) -> bool:
        """Whether the weights of a denoiser are quantised in their files."""
        return any(name.startswith(DENOISERS) for name in self.quantised)

    def has_placement(self, weights: WeightPlacement) -> bool:
        """Return whether the weights can be placed so."""
        if weights in self.without or (self.has_quantised_denoiser and weights in QUANTISED_NEVER):
            return False
        return weights not in QUANTISING_PACKAGES or self._linear_weights > 0

    def denoising_bytes(self, size: DrawnSize) -> int:
        """Return what the denoiser holds beside its weights."""
        latent_frames = ceil(size.frames / self.frames_of_latent)
        tokens = latent_frames * ceil(size.width / self.token_side) * ceil(size.height / self.token_side)
        width = max((network.width for network in self._named(DENOISERS).values()), default=0)
        return tokens * width * self.weight_bytes * _TOKEN_TENSORS * self.passes

    def least_bytes(self, weights: WeightPlacement | None = None) -> tuple[int, float]:
        """Return the bytes that the last rung of a placement needs for any scene, and those for each pixel of a scene.

        No scene needs less than either. Without a placement it is the one that needs least.
        """
        placements = _SMALL_PLACEMENTS if weights is None else (weights,)
        decode = DecodeMode.TILED if self.autoencoder.has_tiles else DecodeMode.HALF
        smallest = DrawnSize(width=self.token_side, height=self.token_side, frames=1)
        large = DrawnSize(
            width=self.token_side * 32, height=self.token_side * 32, frames=self.frames_of_latent * 32
        )
        return (
            min(
                self.need(Rung(each, decode), smallest).device_bytes
                for each in placements
                if weights is not None or self.has_placement(each)
            )
            - _WORKSPACE_BYTES,
            self.denoising_bytes(large) / (large.pixels * large.frames),
        )

    def _named(self, beginnings: tuple[str, ...]) -> dict[str, NetworkSize]:
        return {name: size for name, size in self.networks.items() if name.startswith(beginnings)}

    def _encoders(self) -> dict[str, NetworkSize]:
        """Return the encoders that may be in host memory."""
        return {name: size for name, size in self._named(ENCODERS).items() if name not in self.quantised}

    def _others_bytes(self, decode: DecodeMode) -> int:
        """Return the weights of what is neither a denoiser nor ever in host memory."""
        others = self.networks.keys() - self._named(DENOISERS).keys() - self._encoders().keys()
        return sum(
            self.networks[name].elements * (self._item_bytes(decode) if name == "vae" else self.weight_bytes)
            for name in others
        )

    def _item_bytes(self, decode: DecodeMode) -> int:
        halved = decode is not DecodeMode.FULL and self.may_halve
        return _HALF_BYTES if halved else self.decode_bytes

    def _resident(self, rung: Rung, phase: Phase) -> int:
        """Return the weights on the device in a phase."""
        encoders, denoisers = self._encoders(), self._named(DENOISERS)
        resident = self._others_bytes(rung.decode)
        if rung.weights is WeightPlacement.DEVICE:
            resident += self._bytes_of(encoders)
        elif phase is Phase.ENCODE:
            resident += max((network.tensor for network in encoders.values()), default=0) * self.weight_bytes
        if rung.weights is not WeightPlacement.GROUP_OFFLOAD:
            resident += self._denoiser_bytes(rung.weights, phase) + self.adapter_bytes
        elif phase is Phase.DENOISE:
            parts = (network.outside + _LAYERS_AHEAD * network.block for network in denoisers.values())
            most = max(parts, default=0)
            resident += most * self.weight_bytes
            elements = sum(network.elements for network in denoisers.values())
            resident += ceil(self.adapter_bytes * min(1.0, most / elements)) if elements else 0
        return resident

    def _denoiser_bytes(self, weights: WeightPlacement, phase: Phase) -> int:
        """Return the weights of denoisers that are whole on the device."""
        denoisers = self._named(DENOISERS)
        whole = self._bytes_of(denoisers)
        if weights is WeightPlacement.FLOAT8:
            return int(whole * _FLOAT8_SHARE)
        if weights not in QUANTISING_PACKAGES:
            return whole
        linear = self._linear_weights
        one_layer = max((network.tensor for network in denoisers.values()), default=0)
        computed = one_layer * self.weight_bytes if phase is Phase.DENOISE else 0
        return whole - linear * self.weight_bytes + int(linear * _QUANTISED_BYTES[weights]) + computed

    @property
    def _linear_weights(self) -> int:
        """The weights of denoisers that can be quantised."""
        return sum(network.linear for network in self._named(DENOISERS).values())

    def hosted_bytes(self, weights: WeightPlacement) -> int:
        """Return the weights that stay in host memory."""
        if weights is WeightPlacement.DEVICE:
            return 0
        hosted = self._bytes_of(self._encoders())
        return hosted + (
            self._bytes_of(self._named(DENOISERS)) + self.adapter_bytes
            if weights is WeightPlacement.GROUP_OFFLOAD
            else 0
        )

    def _bytes_of(self, networks: Mapping[str, NetworkSize]) -> int:
        return sum(network.elements for network in networks.values()) * self.weight_bytes

    def _decoding_bytes(self, decode: DecodeMode, size: DrawnSize) -> int:
        if decode is DecodeMode.TILED:
            values = self.autoencoder.tiled_values(size.pixels, size.frames)
        else:
            values = self.autoencoder.whole_values(size.pixels, size.frames, streamed=self.streams)
        return int((values * self._item_bytes(decode) + _WORKSPACE_BYTES) * _RESERVE)


def folder_memory(
    folder: Path,
    family: Family,
    *,
    weight_bytes: int = _HALF_BYTES,
    vae_dtype: str = "",
    parts: Collection[str] | None = None,
    denoiser: Path | None = None,
) -> ModelMemory:
    """Return the memory of the model in a folder. `vae_dtype` is that of its entry, empty for that of the family.

    `parts` are the folders of the networks that are loaded, None for all. `denoiser` is a single file of weights that
    replaces those of the folder. Raises WeightsUnreadable.
    """
    vae, config = _config(folder / "vae"), _config(folder / "transformer")
    stated = vae_dtype or str(family.vae_dtype)
    spatial, patch = vae.get("scale_factor_spatial"), config.get("patch_size")
    side = family.token_side
    if isinstance(spatial, int) and isinstance(patch, list) and patch and isinstance(patch[-1], int):
        side = spatial * patch[-1]
    networks = network_sizes(folder, parts)
    quantised = set(quantised_parts(folder, parts)) & networks.keys()
    networks |= {name: quantised_size(folder / name, weight_bytes) for name in quantised}
    if denoiser is not None:
        networks[DENOISERS[0]] = file_size(denoiser, weight_bytes)
        quantised -= {DENOISERS[0]}
        if denoiser.suffix.lower() == GGUF:
            quantised.add(DENOISERS[0])
    return ModelMemory(
        networks,
        decode_memory(vae),
        weight_bytes=weight_bytes,
        decode_bytes=_WHOLE_BYTES if "32" in stated else _HALF_BYTES,
        token_side=max(1, side),
        frames_of_latent=max(1, family.frames.multiple if family.frames.offset else 1),
        passes=2 if family.batched_guidance else 1,
        streams=family.streams,
        may_halve=not vae_dtype and "32" in stated,
        quantised=frozenset(quantised),
        without=frozenset(QUANTISING_PACKAGES) if family.compiled else missing_placements(),
    )


def _config(folder: Path) -> Mapping[str, Any]:
    """Return the configuration of a component; empty if it has none that can be read."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
