"""The table of what autoencoders hold while they decode, compared with passes without data."""

from __future__ import annotations

from types import ModuleType

import pytest

from kinolog.models.memory.autoencoders import autoencoders

SMALL = 64
QUICK = (
    "AutoencoderKLWan",
    "AutoencoderKLHunyuanVideo",
    "AutoencoderKLLTXVideo",
    "AutoencoderKL",
    "AutoencoderDC",
)


@pytest.fixture(scope="module")
def passes() -> ModuleType:
    """The passes without data. They import diffusers: 5 s, which the other processes of the tests do without."""
    from tests.renderers import decode_memory

    return decode_memory


@pytest.mark.parametrize("name", QUICK)
def test_the_table_says_what_an_autoencoder_holds(name: str, passes: ModuleType) -> None:
    """Within a fifth: attention and edges weigh more in a picture as small as this one."""
    values, pixels, frames = passes.measured_values(name, SMALL)
    stated = autoencoders()[name].whole_values(pixels, frames, streamed=name == "AutoencoderKLWan")
    assert stated == pytest.approx(values, rel=0.2)


def test_what_can_be_measured_is_in_the_table(passes: ModuleType) -> None:
    assert passes.RELEASED.keys() <= autoencoders().keys()
