"""Encoders stay within their memory: a process that made one clip makes the next."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kinolog.models.codecs import SOFTWARE_CODECS, VideoCodec

CHECKS = "libc_malloc_debug.so.0"
"""The checks of glibc's allocator. What is written past an end is noticed when it is freed, and ends the process."""

ENCODE = """
import sys
from pathlib import Path

import numpy as np
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.media.encoder_settings import VideoEncoding

from kinolog.models.codecs import VideoCodec

codec = VideoCodec(sys.argv[1])
for frames, (width, height) in ((1, codec.least_size), (9, (48, 32))):
    with ClipEncoder(Path(sys.argv[2]), width=width, height=height, fps=8, encoding=VideoEncoding(codec)) as encoder:
        encoder.write(np.random.default_rng(1).integers(0, 255, (frames, height, width, 3), np.uint8))
"""


def _has_checks() -> bool:
    try:
        ctypes.CDLL(CHECKS)
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_checks(), reason="this C library has no such checks")
@pytest.mark.parametrize("codec", SOFTWARE_CODECS)
def test_no_encoder_writes_past_its_memory(tmp_path: Path, codec: VideoCodec) -> None:
    """The smallest frames, and a width that fills no vector, leave the memory of the process whole."""
    variables = {"LD_PRELOAD": CHECKS, "GLIBC_TUNABLES": "glibc.malloc.check=3"}
    ended = subprocess.run(
        (sys.executable, "-c", ENCODE, codec, str(tmp_path / "clip.mp4")),
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-500:]
