"""Which rung of the ladder the planner chooses for a model on a card."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kinolog.models.memory.autoencoders import decode_memory
from kinolog.models.memory.needs import GIB, DrawnSize, ModelMemory, Phase
from kinolog.models.memory.placement import LADDER, DecodeMode, Rung, WeightPlacement, ladder_of
from kinolog.models.memory.placement_page import (
    CARDS_GIB,
    figures_of_card,
    known_models,
    placement_table,
    with_placements,
)
from kinolog.models.memory.planner import DoesNotFit, FailedRung, plan_placement

PAGE = Path(__file__).parents[3] / "docs" / "memory.md"
WAN, *_ = known_models()
LARGE_HOST = 128.0

DEVICE, TEXT, GROUP = WeightPlacement.DEVICE, WeightPlacement.TEXT_OFFLOAD, WeightPlacement.GROUP_OFFLOAD
FULL, HALF, TILED = DecodeMode.FULL, DecodeMode.HALF, DecodeMode.TILED


@pytest.mark.parametrize(
    ("rung", "measured_gib"),
    [
        (Rung(DEVICE, FULL), 24.5),
        (Rung(TEXT, FULL), 14.2),
        (Rung(GROUP, FULL), 11.3),
    ],
)
def test_the_estimates_are_those_of_a_real_card(rung: Rung, measured_gib: float) -> None:
    """Peaks of reserved memory of Wan 2.1 1.3B on an H200, in docs/performance.md."""
    need = WAN.memory.need(rung, WAN.size)
    assert need.phase == "decode"
    assert need.device_bytes / GIB == pytest.approx(measured_gib, rel=0.03)


@pytest.mark.parametrize(
    ("card_gib", "rung"),
    [
        (80, Rung(DEVICE, FULL)),
        (24, Rung(TEXT, FULL)),
        (16, Rung(TEXT, FULL)),
        (12, Rung(TEXT, HALF)),
        (8, Rung(GROUP, HALF)),
        (6, Rung(GROUP, TILED)),
    ],
)
def test_the_first_rung_that_fits_is_chosen(card_gib: float, rung: Rung) -> None:
    """On the cards of the measured table the estimates choose what fitted there."""
    plan = plan_placement(WAN.memory, WAN.size, figures_of_card(card_gib))
    assert plan.rung == rung
    assert rung.words in plan.reason
    assert ("would need" in plan.reason) == (card_gib < 80)


def test_host_memory_counts() -> None:
    """Weights that wait in host memory must fit there: with 8 GiB free no text encoder of 10.6 GiB does."""
    figures = figures_of_card(24, host_gib=8)
    assert plan_placement(WAN.memory, WAN.size, figures).rung == Rung(DEVICE, HALF)
    with pytest.raises(DoesNotFit, match="free host memory") as refused:
        plan_placement(WAN.memory, WAN.size, figures_of_card(8, host_gib=8))
    assert not refused.value.others_hold_it


def test_a_card_that_holds_no_rung_is_refused_with_the_figure() -> None:
    large = DrawnSize(width=1920, height=1088, frames=241)
    with pytest.raises(
        DoesNotFit, match=r"need about [\d.]+ GiB of device memory, and 7\.4 GiB are free"
    ) as refused:
        plan_placement(WAN.memory, large, figures_of_card(8))
    assert refused.value.needed_bytes == min(WAN.memory.need(rung, large).device_bytes for rung in LADDER)
    assert not refused.value.others_hold_it


def test_a_card_that_may_be_large_enough_is_tried() -> None:
    """Estimates are not exact: a need that is a fifth too high refuses no job."""
    least = min(WAN.memory.need(rung, WAN.size).device_bytes for rung in LADDER)
    figures = replace(figures_of_card(80), free=int(least * 0.85))
    plan = plan_placement(WAN.memory, WAN.size, figures)
    assert plan.rung == Rung(GROUP, TILED)
    assert plan.reason.endswith("which may not be enough")
    failed = [(plan.rung, Phase.DECODE)]
    with pytest.raises(DoesNotFit, match="need more than"):
        plan_placement(WAN.memory, WAN.size, figures, failed=failed)
    with pytest.raises(DoesNotFit, match="need about"):
        plan_placement(WAN.memory, WAN.size, replace(figures, free=int(least * 0.75)))


def test_what_other_processes_hold_is_told_apart() -> None:
    """A card that would be large enough if it were free."""
    figures = replace(figures_of_card(80), free=2 * GIB)
    with pytest.raises(DoesNotFit) as refused:
        plan_placement(WAN.memory, WAN.size, figures)
    assert refused.value.others_hold_it


def test_each_failure_goes_on_with_a_rung_that_needs_less() -> None:
    """The estimates were too low, so what needs as much would fail too. In the end there is nothing left."""
    failed: list[FailedRung] = []
    needs = []
    figures = figures_of_card(80)
    while failed[-1:] != [(Rung(GROUP, TILED), Phase.DECODE)]:
        plan = plan_placement(WAN.memory, WAN.size, figures, failed=failed)
        assert ("memory ran out before" in plan.reason) == bool(failed)
        failed.append((plan.rung, Phase.DECODE))
        needs.append(plan.need.peaks[Phase.DECODE])
    with pytest.raises(DoesNotFit, match="need more than") as refused:
        plan_placement(WAN.memory, WAN.size, figures, failed=failed)
    assert refused.value.needed_bytes >= figures.free
    assert failed[0] == (Rung(DEVICE, FULL), Phase.DECODE)
    assert needs == sorted(needs, reverse=True)


@pytest.mark.parametrize("placement", list(WeightPlacement))
def test_a_named_placement_is_tried_whatever_it_needs(placement: WeightPlacement) -> None:
    """Only the way of decoding changes when memory runs out."""
    small = figures_of_card(4)
    plan = plan_placement(WAN.memory, WAN.size, small, ladder_of(placement), stated=True)
    assert plan.rung == Rung(placement, FULL)
    assert "its entry names it, though it may lack memory" in plan.reason
    next_plan = plan_placement(
        WAN.memory, WAN.size, small, ladder_of(placement), stated=True, failed=[(plan.rung, Phase.DECODE)]
    )
    assert next_plan.rung == Rung(placement, HALF)


def test_weights_get_fewer_bits_only_if_no_other_rung_fits() -> None:
    """They change the picture: the host has to lack memory for the exact ones. `exact` never has them."""
    wan_14b = next(model for model in known_models() if "14B" in model.title)

    def planned(card_gib: float, host_gib: float, *, without: str = "", placement: str = "auto") -> str:
        absent = frozenset(WeightPlacement(name) for name in without.split())
        memory = replace(wan_14b.memory, without=absent)
        figures = figures_of_card(card_gib, host_gib)
        try:
            return str(plan_placement(memory, wan_14b.size, figures, ladder_of(placement)).rung)
        except DoesNotFit:
            return "no"

    assert planned(24, LARGE_HOST) == "group-offload"
    assert planned(24, 24) == "int8, float16 decode"
    assert planned(48, 24) == "text-offload"
    assert planned(24, 24, without="int8 nf4") == "float8, float16 decode"
    assert planned(24, 24, without="int8 float8") == "nf4"
    assert planned(24, 24, placement="exact") == "no"
    assert planned(8, 24) == "no"
    with pytest.raises(ValueError, match="somewhere"):
        ladder_of("somewhere")


def test_a_model_is_decoded_in_the_ways_that_it_has() -> None:
    """No tiles where the autoencoder has none, and no float16 where an entry or the family names a dtype."""
    bare = ModelMemory(WAN.memory.networks, decode_memory({"_class_name": "AutoencoderKLCosmos"}))
    assert [rung.decode for rung in LADDER if bare.has(rung)] == [FULL] * 6


def test_no_scene_needs_less_than_the_least() -> None:
    """What a worker reports to the api never exceeds the need of a scene: else the api would refuse what fits."""
    for model in known_models():
        least, for_each_pixel = model.memory.least_bytes()
        for frames in (1, model.size.frames, 4 * model.size.frames):
            size = replace(model.size, frames=frames)
            smallest = min(model.memory.need(rung, size).device_bytes for rung in LADDER)
            assert 0 < least <= smallest, model.title
            assert for_each_pixel * size.pixels * size.frames <= smallest * 1.01, model.title


def test_the_page_has_the_table_of_today() -> None:
    """docs/memory.md is what `python -m kinolog.models.memory.placement_page docs/memory.md` writes."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_placements(page) == page
    rows = placement_table().splitlines()[2:]
    assert len(rows) >= 10
    for row in rows:
        needs = [float(need) for need in re.findall(r"([\d.]+) GiB", row)]
        for need, card, cell in zip(needs, CARDS_GIB, row.split(" | ")[1:], strict=True):
            assert ("no: " in cell) == (need > card - 0.6), row
    with pytest.raises(ValueError, match="end of placements"):
        with_placements("# Memory")


def test_loras_count_as_weights_of_the_denoiser() -> None:
    """They are beside it on the device, or beside its blocks in host memory."""
    changed = replace(WAN.memory, adapter_bytes=GIB)
    for rung in (Rung(DEVICE, FULL), Rung(TEXT, FULL), Rung(WeightPlacement.FLOAT8, FULL)):
        before, after = WAN.memory.need(rung, WAN.size), changed.need(rung, WAN.size)
        assert all(after.peaks[phase] - before.peaks[phase] == GIB for phase in Phase)
        assert after.host_bytes == before.host_bytes
    rung = Rung(GROUP, FULL)
    before, after = WAN.memory.need(rung, WAN.size), changed.need(rung, WAN.size)
    assert after.host_bytes - before.host_bytes == GIB
    assert 0 < after.peaks[Phase.DENOISE] - before.peaks[Phase.DENOISE] < GIB / 4
    assert after.peaks[Phase.DECODE] == before.peaks[Phase.DECODE]
