"""Errors of starting a stack: what is wrong, and what to do."""

from __future__ import annotations


class StartError(Exception):
    """A process of the stack cannot start. `problem` names it and the cause, `remedy` is what to do."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class SettingError(StartError):
    """A setting or an option is wrong. Nothing was started."""


class PortError(StartError):
    """A configured port is not available. `setting` is the option or environment variable that changes it."""

    def __init__(self, *, program: str, host: str, port: int, setting: str, reason: str) -> None:
        super().__init__(
            f"{program} cannot listen on {host}:{port}: {reason}.",
            f"Stop the program that uses it, or choose another port with {setting}; 0 picks a free one.",
        )
        self.port = port
