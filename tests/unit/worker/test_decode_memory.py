"""The table of what autoencoders hold while they decode, compared with passes without data."""

from __future__ import annotations

import pytest

from kinolog.models.memory.autoencoders import autoencoders
from tests.renderers.decode_memory import RELEASED, measured_values

SMALL = 64
QUICK = (
    "AutoencoderKLWan",
    "AutoencoderKLHunyuanVideo",
    "AutoencoderKLLTXVideo",
    "AutoencoderKL",
    "AutoencoderDC",
)


@pytest.mark.parametrize("name", QUICK)
def test_the_table_says_what_an_autoencoder_holds(name: str) -> None:
    """Within a fifth: attention and edges weigh more in a picture as small as this one."""
    values, pixels, frames = measured_values(name, SMALL)
    stated = autoencoders()[name].whole_values(pixels, frames, streamed=name == "AutoencoderKLWan")
    assert stated == pytest.approx(values, rel=0.2)


def test_what_can_be_measured_is_in_the_table() -> None:
    assert RELEASED.keys() <= autoencoders().keys()
