"""The arithmetic of the bench, and what it keeps of a run."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable

import pytest
from rich.console import Console

from tests.bench import report
from tests.bench.figures import Aim, Figure, Pair, Result, interleaved, paired, percentile


def test_a_figure_is_the_median_of_each_side_and_of_the_ratios() -> None:
    """One reading that a busy moment spoilt moves neither the medians nor the ratio."""
    pairs = [Pair(100, 50), Pair(200, 120), Pair(10, 90)]
    figure = paired("appends", "/s", pairs)
    assert (figure.floor, figure.value, figure.ratio) == (100, 90, 0.6)


def test_of_an_even_number_of_readings_the_middle_two_are_averaged() -> None:
    """Four pairs give the mean of the second and the third."""
    figure = paired("appends", "/s", [Pair(1, 1), Pair(1, 2), Pair(1, 4), Pair(1, 100)])
    assert (figure.value, figure.ratio) == (3, 3)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_a_reading_that_was_taken(share: float, expected: float) -> None:
    """It is the smallest reading that this share of all do not exceed."""
    assert percentile([float(number) for number in range(100, 0, -1)], share) == expected


def test_a_percentile_of_nothing_is_refused() -> None:
    """No readings are no zero."""
    with pytest.raises(ValueError, match="no readings"):
        percentile([], 0.5)


async def test_sides_take_turns_in_going_first() -> None:
    """What goes first is not the same side each time."""
    order = []

    def side(name: str, value: float) -> Callable[[], Awaitable[float]]:
        async def read() -> float:
            order.append(name)
            return value

        return read

    pairs = await interleaved(3, side("floor", 4.0), side("ours", 2.0))
    assert order == ["floor", "ours", "ours", "floor", "floor", "ours"]
    assert [pair.ratio for pair in pairs] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim("value", "at least", 10), True),
        (Aim("value", "at least", 11), False),
        (Aim("value", "below", 10), False),
        (Aim("ratio", "at least", 0.5), True),
        (Aim("ratio", "below", 0.4), False),
        (None, None),
    ],
)
def test_an_aim_is_about_the_value_or_the_ratio(aim: Aim | None, met: bool | None) -> None:
    """A bound itself is enough for `at least` and too much for `below`."""
    assert Figure("f", "/s", 10, 20, 0.5, aim).met is met


def test_an_aim_for_a_ratio_is_not_met_without_a_floor() -> None:
    """An aim for a ratio needs a floor."""
    assert Figure("f", "/s", 10, aim=Aim("ratio", "at least", 0.5)).met is False


def test_two_runs_are_compared_by_the_figures_that_both_have() -> None:
    """A figure that only one run has is left out."""
    old = [Result("append", "synced", (Figure("serial", "/s", 1_000, 2_000, 0.5), Figure("gone", "/s", 1)))]
    new = [Result("append", "synced", (Figure("serial", "/s", 1_500, 2_000, 0.75), Figure("fresh", "/s", 1)))]
    console = Console(file=io.StringIO(), width=120)
    documents = [report.document(results, machine={}, loads={}) for results in (old, new)]
    report.compare(console, *documents)
    printed = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above
    assert "append: serial" in printed
    assert "+50.0%" in printed
    assert "0.750" in printed
    assert "gone" not in printed
    assert "fresh" not in printed


def test_a_document_shows_whether_aims_are_met() -> None:
    """The JSON of a run can be read without the code that wrote it."""
    result = Result("append", "synced", (Figure("serial", "/s", 9, 10, 0.9, Aim("ratio", "at least", 0.8)),))
    run = report.document([result], machine={"cpu": "one"}, loads={"before": "0.1"})
    assert run["machine"] == {"cpu": "one"}
    assert run["rows"][0]["durability"] == "synced"
    assert run["rows"][0]["figures"][0]["met"] is True


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0714, "0.071"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12_345.6, "12,346")],
)
def test_numbers_are_shown_to_three_digits(value: float, shown: str) -> None:
    """Digits that noise makes are not shown."""
    assert report.number(value) == shown


def test_a_change_from_nothing_is_not_a_percentage() -> None:
    """An old figure of zero has no change."""
    assert report.change(0, 5) == "-"
