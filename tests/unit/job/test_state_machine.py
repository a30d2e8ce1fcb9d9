"""The picture in docs/state-machine.md and the laws cover what the decider accepts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kinolog.job.names import stored_name
from tests.state_machine import (
    COMMANDS,
    EXAMPLES,
    PAGE,
    UncoveredCommands,
    all_transitions,
    command_classes,
    drawn_transitions,
    require_all,
    transitions,
    with_picture,
)
from tests.unit.job.law_commands import LAW_COMMANDS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedCommand:
    """A command that neither the picture nor the laws know."""

    id: str
    actor: str


def test_the_page_is_up_to_date() -> None:
    """The picture is what `python -m tests.state_machine` draws."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_picture(page)


def test_the_union_holds_every_command_class() -> None:
    """A command class that is not in the union `Command` would be in no picture and no law."""
    assert set(COMMANDS) == command_classes()


def test_every_command_is_drawn() -> None:
    """Every command is accepted in some reachable state, and the page has its arrow."""
    drawn = {transition.command for transition in drawn_transitions(PAGE.read_text(encoding="utf-8"))}
    require_all(COMMANDS, {kind for kind in COMMANDS if stored_name(kind) in drawn}, str(PAGE))


def test_every_command_is_in_the_laws() -> None:
    """The laws hold for every command."""
    require_all(COMMANDS, LAW_COMMANDS, "tests/unit/job/law_commands.py")


def test_a_command_without_a_picture_is_found() -> None:
    """A planted command that has no example, and so no arrow, fails the drawing."""
    with pytest.raises(UncoveredCommands, match="leaves out PlantedCommand"):
        transitions((*COMMANDS, PlantedCommand))


def test_a_command_without_an_arrow_or_a_law_is_found() -> None:
    """A planted command that is missing from the covered set is named."""
    with pytest.raises(UncoveredCommands, match="leaves out PlantedCommand"):
        require_all((*COMMANDS, PlantedCommand), LAW_COMMANDS, "the laws")


def test_an_arrow_too_many_is_found() -> None:
    """A command that the decider no longer accepts changes the picture."""
    fewer = [kind for kind in COMMANDS if kind.__name__ != "Retry"]
    assert transitions(fewer, EXAMPLES) != all_transitions()
