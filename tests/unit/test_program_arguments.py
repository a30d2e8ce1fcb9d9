"""The programs of services say what they are. What they do not understand starts nothing."""

from __future__ import annotations

import runpy
import sys
from importlib import import_module

import pytest

from kinolog.process.main import CANNOT_START

PROGRAMS = (
    "kinolog_api.app",
    "kinolog_gateway.app",
    "kinolog_projector.app",
    "kinolog_worker.app",
    "kinolog.adapters.jetstream.provision",
)


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The module of a program. One that gets so far as to read its settings fails."""
    module = import_module(request.param)

    def refuse(*_: object) -> None:
        raise AssertionError("the program goes on")

    used = [name for name in ("run_process", "AdminSettings") if hasattr(module, name)]
    assert used, "the program reads its settings in another way, and this test stops it no more"
    for name in used:
        monkeypatch.setattr(module, name, refuse)
    return str(request.param)


def test_help_starts_nothing(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` prints what the program is and where its settings are listed."""
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    with pytest.raises(SystemExit) as ended:
        import_module(program).main()
    assert ended.value.code == 0
    assert "docs/settings.md" in " ".join(capsys.readouterr().out.split())


def test_a_wrong_argument_starts_nothing(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An argument that the program does not know is named."""
    monkeypatch.setattr(sys, "argv", [program, "--no-such-option"])
    with pytest.raises(SystemExit) as ended:
        import_module(program).main()
    assert ended.value.code == CANNOT_START
    assert "--no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize("module", PROGRAMS)
def test_python_runs_the_module_of_a_program(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m kinolog_api.app` runs the program as `python -m kinolog_api` does: deployments use both."""
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    monkeypatch.delitem(sys.modules, module, raising=False)  # else runpy warns
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    assert "docs/settings.md" in " ".join(capsys.readouterr().out.split())
