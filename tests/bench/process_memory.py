"""Memory of a process, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


class ProcessMemory:
    """What a process holds, and the most that it held since a moment. Linux alone has it."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def start(self) -> float:
        """Let the process forget the most memory that it had. Return what it has, in MB."""
        (self._folder / "clear_refs").write_text("5")
        return self.held()

    def held(self) -> float:
        """Return what it has now, in MB."""
        return self._field("VmRSS")

    def most(self) -> float:
        """Return the most that it had since the start, in MB."""
        return self._field("VmHWM")

    def _field(self, field: str) -> float:
        for line in (self._folder / "status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) / 1_000
        raise AssertionError(f"{field} is missing")
