"""The times of a cron expression in a time zone. Pure.

At changes of the clock they are those of Debian's cron: a time that is left out comes right after the change, and a
time that comes twice counts once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

FIELDS = 5


class UnusableTimes(ValueError):
    """A text is no cron expression or no time zone. `field` is which, the message what to write."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class CronTimes:
    """The times of an expression, in whole minutes."""

    def __init__(self, cron: str, zone: str) -> None:
        """Raises `UnusableTimes`."""
        self._cron = cron
        self._zone = _zone(zone or "UTC")
        if len(cron.split()) != FIELDS:
            raise UnusableTimes(
                "cron", "must have minute, hour, day, month and day of the week, such as 0 22 * * MON"
            )
        try:
            next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            raise UnusableTimes(
                "cron", f"is no cron expression ({error}); write for example 0 22 * * MON-FRI"
            ) from None
        except StopIteration:
            raise UnusableTimes("cron", "never comes: no month has such a day") from None

    def after(self, at: datetime) -> datetime:
        """Return the first time after `at`."""
        return self._neighbour(at, backwards=False)

    def up_to(self, at: datetime) -> datetime:
        """Return the last time that is not after `at`."""
        earlier = self._neighbour(at, backwards=True)
        following = self.after(earlier)
        return following if following <= at else earlier

    def _neighbour(self, at: datetime, *, backwards: bool) -> datetime:
        times = CronSim(self._cron, at.astimezone(self._zone), reverse=backwards)
        return next(times).astimezone(UTC)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnusableTimes("zone", "is no time zone; write for example Europe/Berlin, or UTC") from None
