"""A small video, and a chain of certificates to sign it with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.media.encoder_settings import VideoEncoding

from kinolog.adapters.c2pa.signer import C2paSigner
from kinolog.job.rendering.interpolation import Interpolation
from kinolog.job.values import UsedUpscaler
from kinolog.models.codecs import VideoCodec
from kinolog.provenance import Provenance
from kinolog_stack.signing_certificates import SigningChain

FRAMES, WIDTH, HEIGHT, FPS = 9, 64, 48, 8

PROVENANCE = Provenance(
    job_id="a" * 26,
    model="kinolog-tiny",
    model_revision="0123abcd",
    version="0.1.0",
    made_at=datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC),
    frame_hash="f" * 64,
    log_hash="ab" * 32,
    upscaler=UsedUpscaler(name="sharp-x2", scale=2, sha256="cd" * 32, licence="apache-2.0"),
    interpolation=Interpolation(filter="minterpolate", drawn_fps=8, fps=16),
)


def small_video(path: Path, codec: VideoCodec = VideoCodec.H264) -> Path:
    """Write a video of noise."""
    frames = np.random.default_rng(1).integers(0, 255, (FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    with ClipEncoder(path, width=WIDTH, height=HEIGHT, fps=FPS, encoding=VideoEncoding(codec)) as encoder:
        encoder.write(frames)
    return path


def new_chain(folder: Path) -> SigningChain:
    """Make a chain of certificates."""
    chain = SigningChain(folder)
    chain.ensure()
    return chain


def signed_video(folder: Path, chain: SigningChain, provenance: Provenance = PROVENANCE) -> Path:
    """Write a signed video."""
    signed = folder / "signed.mp4"
    C2paSigner(chain.signer, chain.signer_key).sign(small_video(folder / "unsigned.mp4"), signed, provenance)
    return signed
