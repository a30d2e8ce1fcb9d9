"""Frames between those that a model drew. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolation:
    """Frames were computed between those that a model drew, by a filter of FFmpeg. Rates in frames per second."""

    filter: str
    drawn_fps: int
    fps: int
