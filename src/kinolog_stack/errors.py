"""Why something could not be started, and what a person can do about it."""

from __future__ import annotations


class StartError(Exception):
    """A part of the stack cannot run. `problem` says which and why, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class PortError(StartError):
    """A port that was asked for by number cannot be had."""

    def __init__(self, part: str, host: str, port: int, setting: str, reason: str) -> None:
        super().__init__(
            f"{part} cannot listen on {host}:{port}: {reason}.",
            f"Stop what uses it, or choose another one with {setting} (0 picks a free one).",
        )
        self.port = port
