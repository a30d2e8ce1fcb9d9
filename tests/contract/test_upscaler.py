"""Swin2SR enlarges frames as the bare class does, in tiles, and only what is safe is loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.upscalers.swin2sr import Swin2srUpscaler, load_swin2sr
from kinolog_worker.renderers.diffusers.upscalers.tiles import spans
from kinolog_worker.renderers.registry import load_upscaler
from kinolog_worker.renderers.renderer import RenderCancelled, RenderFailed
from kinolog_worker.renderers.upscaler import UpscalerSource

from tests.renderers.tiny_upscaler import tiny_upscaler, tiny_upscaler_source

_library: Any = transformers
FRAME: Frames = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> UpscalerSource:
    """A tiny upscaler in a folder."""
    return tiny_upscaler_source(tiny_upscaler(tmp_path_factory.mktemp("upscaler")))


def _nothing() -> None:
    """Never stop."""


def _bare(source: UpscalerSource, frame: Frames) -> Frames:
    network = _library.Swin2SRForImageSuperResolution.from_pretrained(source.location).eval()
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        enlarged = network(pixel_values=pixels).reconstruction[0]
    levels: Frames = (enlarged.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return levels


def _difference(one: Frames, other: Frames) -> int:
    return int(np.abs(one.astype(int) - other).max())


def test_frames_are_those_of_the_bare_class(source: UpscalerSource) -> None:
    """In one tile they are the same. In several they differ by one level of 256, in few places."""
    upscaler = load_upscaler(source, "cpu")
    bare = _bare(source, FRAME)
    assert np.array_equal(upscaler.enlarge(FRAME, _nothing), bare)
    assert np.array_equal(upscaler.enlarge(FRAME[:50, :34], _nothing)[:64, :32], bare[:64, :32])
    tiled = load_upscaler(replace(source, tile=64, overlap=16), "cpu").enlarge(FRAME, _nothing)
    assert tiled.shape == (160, 240, 3)
    assert _difference(tiled, bare) <= 1
    assert float(np.mean(tiled != bare)) < 0.01
    assert upscaler.used.scale == 2
    assert len(upscaler.used.sha256) == 64


@pytest.mark.parametrize(("length", "overlap"), [(64, 16), (72, 16), (400, 32), (136, 0)])
def test_tiles_cover_a_side_and_share_what_they_should(length: int, overlap: int) -> None:
    """Where two tiles overlap both count, and each pixel counts."""
    found = spans(length, 64, overlap)
    assert (found[0].start, found[-1].end) == (0, length)
    counts = torch.zeros(2 * length)
    for span in found:
        counts[2 * span.start : 2 * span.end] += span.weights(2)
    assert float(counts.min()) > 0
    for one, other in pairwise(found):
        assert one.after == other.before == one.end - other.start >= overlap


def test_half_precision_is_near_and_replaced_where_it_fails(source: UpscalerSource, tmp_path: Path) -> None:
    """A GPU computes in float16. Numbers that are too large for it are computed once more in float32."""
    small = FRAME[:16, :16]
    upscaler = load_swin2sr(source, "cpu")
    upscaler.dtype = torch.float16
    assert _difference(upscaler.enlarge(small, _nothing), _bare(source, small)) <= 1
    assert upscaler.dtype is torch.float16
    large = replace(source, location=str(tiny_upscaler(tmp_path / "large", offset=1e5)))
    upscaler = load_swin2sr(large, "cpu")
    upscaler.dtype = torch.float16
    assert np.array_equal(upscaler.enlarge(small, _nothing), _bare(large, small))
    upscaler = load_swin2sr(
        replace(source, location=str(tiny_upscaler(tmp_path / "none", offset=np.nan))), "cpu"
    )
    with pytest.raises(RenderFailed, match="computed numbers that are none"):
        upscaler.enlarge(small, _nothing)


def test_a_frame_is_cancelled_between_tiles(source: UpscalerSource) -> None:
    """The rest of the frame is not computed."""
    upscaler = load_swin2sr(replace(source, tile=64, overlap=16), "cpu")
    done: list[int] = []

    def stop_at_the_third() -> None:
        if len(done) == 2:
            raise RenderCancelled
        done.append(1)

    with pytest.raises(RenderCancelled):
        upscaler.enlarge(FRAME, stop_at_the_third)


def test_memory_that_ran_out_is_an_error_of_the_frame(
    source: UpscalerSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be tried again when there is room."""
    upscaler: Swin2srUpscaler = load_swin2sr(source, "cpu")

    def starve(**_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as starved:
        starved.setattr(upscaler.network, "forward", starve)
        with pytest.raises(RenderFailed) as failure:
            upscaler.enlarge(FRAME, _nothing)
    assert (failure.value.code, failure.value.retryable) == ("OUT_OF_MEMORY", True)
    assert upscaler.enlarge(FRAME, _nothing).shape == (160, 240, 3)


def test_folders_that_cannot_be_used_are_refused(source: UpscalerSource, tmp_path: Path) -> None:
    """Weights come from safetensors, are the ones that the catalogue means, and belong to the class and the scale."""
    good = Path(source.location)
    weights = (good / "model.safetensors").read_bytes()
    configuration = json.loads((good / "config.json").read_text())
    bare_file = {"config.json": json.dumps(configuration).encode()}
    other = json.dumps(configuration | {"depths": [3]}).encode()
    cases: list[tuple[dict[str, bytes], dict[str, Any], str, str]] = [
        ({}, {}, "UPSCALER_NOT_FOUND", "has no config.json"),
        (bare_file | {"pytorch_model.bin": b"x"}, {}, "UPSCALER_NOT_FOUND", "model.safetensors alone"),
        ({"config.json": b"{", "model.safetensors": weights}, {}, "UPSCALER_DAMAGED", "is not JSON"),
        (
            {"config.json": b"[]", "model.safetensors": weights},
            {},
            "UPSCALER_UNSUPPORTED",
            "not that of a model",
        ),
        (bare_file | {"model.safetensors": b"12345678"}, {}, "UPSCALER_DAMAGED", "cannot be loaded"),
        ({"config.json": other, "model.safetensors": weights}, {}, "UPSCALER_DAMAGED", "its weights lack"),
        (
            bare_file | {"model.safetensors": weights},
            {"scale": 4},
            "UPSCALER_UNSUPPORTED",
            "enlarges 2 times",
        ),
        (
            bare_file | {"model.safetensors": weights},
            {"sha256": "0" * 64},
            "UPSCALER_CHANGED",
            "the SHA-256 of",
        ),
    ]
    for number, (files, fields, code, message) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        with pytest.raises(RenderFailed, match=message) as failure:
            load_upscaler(replace(source, location=str(folder), **fields), "cpu")
        assert (failure.value.code, failure.value.retryable) == (code, False), message
    with pytest.raises(RenderFailed, match="there is no folder /nowhere"):
        load_upscaler(replace(source, location="/nowhere"), "cpu")
