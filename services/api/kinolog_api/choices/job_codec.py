"""The codec of a video: its usual rate factor, and what it does not take. Pure."""

from __future__ import annotations

from kinolog.counts import counted
from kinolog.models.catalogue import ModelEntry
from kinolog.models.codecs import VideoCodec
from kinolog_api.rpc.errors import RequestViolation

_CODECS = {codec.value: codec for codec in VideoCodec}


def usual_crf(codec: str, model: ModelEntry) -> int:
    """Return the rate factor of a codec: that of the model if it is the model's codec. 0 for an unknown one."""
    if codec == model.defaults.codec and model.defaults.crf is not None:
        return model.defaults.crf
    return _CODECS[codec].crf_range.usual if codec in _CODECS else 0


def codec_violations(name: str, crf: int, size: tuple[int, int]) -> list[RequestViolation]:
    """Return what the codec with this name does not take of a video of this size."""
    codec = _CODECS.get(name)
    if codec is None:
        return [RequestViolation("codec", f"must be one of {', '.join(VideoCodec)}")]
    found = []
    if crf > codec.crf_range.largest:
        found.append(RequestViolation("crf", f"must be 1 to {codec.crf_range.largest} for {codec}"))
    width, height = codec.least_size
    if size[0] < width or size[1] < height:
        found.append(RequestViolation("codec", f"{codec} encodes sizes from {width}x{height}"))
    if max(size) > codec.most_side:
        limit = f"{codec} encodes sides of at most {counted(codec.most_side, 'pixel')}"
        found.append(RequestViolation("codec", f"{limit}, and the video has {size[0]}x{size[1]}"))
    return found
