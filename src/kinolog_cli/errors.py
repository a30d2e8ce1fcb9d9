"""Errors of commands as an exit code, as lines for a person, and as JSON for a program."""

from __future__ import annotations

from typing import Any

from kinolog_cli.exit_codes import BY_HTTP_STATUS, ExitCode
from kinolog_client import GatewayError, GatewayUnreachable, InvalidSettings, ProblemError


class CommandFailed(Exception):
    """A command failed. The text names the cause and what to do."""

    def __init__(self, exit_code: ExitCode, text: str) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def missing_library(error: ModuleNotFoundError) -> CommandFailed:
    """Return the failure of a command that needs a library of an extra. Raises the error for a module of kinolog."""
    if (error.name or "").startswith("kinolog"):
        raise error
    text = f"{error.name} is not installed; install it with: pip install 'kinolog[all]'"
    return CommandFailed(ExitCode.FAILED, text)


def exit_code_of(error: GatewayError | CommandFailed) -> ExitCode:
    """Return the exit code for an error. No answer and an unexpected answer count as unreachable."""
    if isinstance(error, CommandFailed):
        return error.exit_code
    if isinstance(error, InvalidSettings):
        return ExitCode.USAGE
    if isinstance(error, ProblemError):
        return BY_HTTP_STATUS.get(error.status, ExitCode.UNREACHABLE)
    return ExitCode.UNREACHABLE


def error_lines(error: GatewayError | CommandFailed) -> list[str]:
    """Return the lines for a person: the cause, and one per field where several are wrong."""
    if isinstance(error, GatewayUnreachable) and error.not_running:
        cause = f"cannot reach kinolog at {error.url} ({error.cause})"
        return [f"{cause}; start it with `kinolog up`, or give its --url"]
    if isinstance(error, ProblemError) and len(error.violations) > 1:
        return [error.detail, *(f"  {v.field}: {v.message}" for v in error.violations)]
    return [str(error)]


def error_json(error: GatewayError | CommandFailed) -> dict[str, Any]:
    """Return the error for a program: the gateway's problem, or else an object with a title."""
    if isinstance(error, ProblemError) and error.problem:
        return error.problem
    return {"title": error_lines(error)[0]}
