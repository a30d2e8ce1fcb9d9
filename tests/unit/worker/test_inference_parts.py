"""Parts of the inference process that need no process: its environment, exit causes and error texts."""

from __future__ import annotations

import logging
import re
import signal

import pytest
from kinolog_worker.inference.child_environment import child_environment
from kinolog_worker.inference.exit_cause import exit_cause
from kinolog_worker.inference.library_output import DETAIL_CHARACTERS, error_kind, error_text, logged_to


@pytest.mark.parametrize(
    ("exit_code", "memory", "code", "words"),
    [
        (-signal.SIGKILL, True, "OUT_OF_MEMORY", "memory ran out"),
        (-signal.SIGKILL, False, "WORKER_CRASHED", "SIGKILL"),
        (-signal.SIGSEGV, True, "WORKER_CRASHED", "SIGSEGV"),
        (-1234, False, "WORKER_CRASHED", "signal 1234"),
        (3, False, "WORKER_CRASHED", "exit code 3"),
        (0, False, "WORKER_CRASHED", "exit code 0"),
    ],
)
def test_an_exit_has_a_cause(exit_code: int, memory: bool, code: str, words: str) -> None:
    """The cause follows from the signal, the exit code and the kernel's count of kills for memory."""
    found_code, message = exit_cause(exit_code, killed_for_memory=memory)
    assert found_code == code
    assert words in message


@pytest.mark.parametrize("word", ["Anna", "her", "parrot", "鸚鵡", "x"])
def test_the_kind_of_an_error_has_no_word_of_its_text(word: str) -> None:
    """An unexpected error is described by its type and place; its text, however short, is a text of its own."""
    try:
        raise ValueError(f"cannot draw\n  {word!r}")
    except ValueError as error:
        kind, text = error_kind(error), error_text(error)
    assert re.fullmatch(r"ValueError at test_inference_parts\.py:\d+", kind)
    assert text == f"cannot draw {word!r}"


def test_other_texts_of_errors() -> None:
    """An error that was never raised has no place, and a long text is cut."""
    assert error_kind(KeyError()) == "KeyError"
    assert error_text(KeyError()) == ""
    assert len(error_text(ValueError("x" * 9_999))) == DETAIL_CHARACTERS


class _WithoutText:
    """An object that cannot be printed."""

    def __str__(self) -> str:
        raise LookupError("no text")


@pytest.mark.parametrize("argument", ["Anna", _WithoutText()])
def test_a_malformed_log_call_of_a_library_fails_no_job(
    argument: object, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record whose text and argument do not fit is one line without either, and the work goes on."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of pytest raise for such a record
    lines: list[tuple[str, str]] = []
    with logged_to(lambda level, text: lines.append((level, text))):
        logging.getLogger("library").warning("a %d b" if isinstance(argument, str) else "a %s b", argument)
        logging.getLogger("library").warning("the %s line", "next")
    assert lines == [("WARNING", "a log line that cannot be formatted"), ("WARNING", "the next line")]
    assert "Anna" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "name",
    [
        "KINOLOG_MASTER_KEY",
        "KINOLOG_NATS_URL",
        "PGPASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "OPENAI_API_KEY",
        "github_token",
        "SMTP_PASS",
        "SENTRY_DSN",
        "SSH_AUTH_SOCK",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
    ],
)
def test_the_inference_process_gets_no_secret(name: str) -> None:
    """Settings and secrets stay with the supervisor."""
    assert name not in child_environment({name: "secret"})


def test_the_inference_process_gets_what_libraries_need() -> None:
    """Variables of the system, drivers and libraries are passed on; the supervisor decides about threads and noise."""
    needed = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "LD_LIBRARY_PATH": "/opt/lib",
        "CUDA_VISIBLE_DEVICES": "1",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "HF_HOME": "/models",
        "HTTPS_PROXY": "http://proxy",
        "OMP_NUM_THREADS": "8",
    }
    found = child_environment({**needed, "TOKENIZERS_PARALLELISM": "true"}, threads=2)
    assert found.items() >= {**needed, "OMP_NUM_THREADS": "2", "TOKENIZERS_PARALLELISM": "false"}.items()
    assert child_environment({"HF_TOKEN": "hf_1"}, downloads=True)["HF_TOKEN"] == "hf_1"
