"""Error codes of attempts whose model another server runs. They do not count: see `kinolog.job.values.NOT_COUNTED`."""

from __future__ import annotations

SERVER_UNAVAILABLE = "SERVER_UNAVAILABLE"
"""The server did not take the job: it is away, has no room for more, or does not accept the key of the worker."""

SERVER_LOST_JOB = "SERVER_LOST_JOB"
"""The server had accepted the job, and then went away or knew no more of it. A job that this happens to in as many
attempts in a row as it may have fails."""

SERVER_ERRORS = frozenset({SERVER_UNAVAILABLE, SERVER_LOST_JOB})
