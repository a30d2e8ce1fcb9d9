"""Refuse work while an alarm says that it could not be done or would do harm."""

from __future__ import annotations

from grpc import StatusCode

from kinolog.ports.alarms import LOG_DAMAGED, STORAGE_FULL, Alarm, Alarms, AlarmSeverity
from kinolog_api.rpc.errors import RpcError

RETRY_SECONDS = 10.0
"""When a caller may try again. Room on a disk does not come back within a second."""


class WriteGuard:
    """Raises the error of the alarm that stands against new jobs, or against all commands. It never waits."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms

    async def check_new_job(self) -> None:
        """Raise `RpcError` if no job is accepted now."""
        for alarm in await self._alarms.current():
            if alarm.severity is AlarmSeverity.REFUSE_WRITES:
                raise refusal(alarm)

    async def check_command(self) -> None:
        """Raise `RpcError` if no command is accepted now. A full disk does not refuse them: a cancel frees room."""
        for alarm in await self._alarms.current():
            if alarm.severity is AlarmSeverity.REFUSE_WRITES and not alarm.name.startswith(STORAGE_FULL):
                raise refusal(alarm)


def refusal(alarm: Alarm) -> RpcError:
    """Return the error of an alarm that refuses writes."""
    code, reason = StatusCode.UNAVAILABLE, "WRITES_REFUSED"
    if alarm.name.startswith(STORAGE_FULL):
        code, reason = StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"
    elif alarm.name.startswith(LOG_DAMAGED):
        code, reason = StatusCode.DATA_LOSS, "LOG_DAMAGED"
    return RpcError(code, reason, alarm.text, metadata={"alarm": alarm.name}, retry_seconds=RETRY_SECONDS)
