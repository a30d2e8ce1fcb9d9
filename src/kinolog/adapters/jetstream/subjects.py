"""Names of streams, subjects, buckets and consumers, and the permissions of each service. Pure.

No other module spells a subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EVENTS = "EVENTS"
WORK = "WORK"
PROGRESS = "PROGRESS"
ADVISORIES = "ADVISORIES"
ACCESS = "ACCESS"
READS = "READS"
KEYS_BUCKET = "kinolog-keys"
WORKERS_BUCKET = "kinolog-workers"
KEY_USES_BUCKET = "kinolog-key-uses"
KEYS_STREAM = f"KV_{KEYS_BUCKET}"
WORKERS_STREAM = f"KV_{WORKERS_BUCKET}"
KEY_USES_STREAM = f"KV_{KEY_USES_BUCKET}"
STREAMS = (EVENTS, ACCESS, READS, WORK, PROGRESS, ADVISORIES, KEYS_STREAM, WORKERS_STREAM, KEY_USES_STREAM)
"""Every stream."""

QUEUE_STREAMS = (READS, WORK, ADVISORIES, PROGRESS, WORKERS_STREAM, KEY_USES_STREAM)
"""Streams whose content follows from the log, is made again or is archived: the projector creates missing ones."""

EVENTS_SUBJECTS = "evt.job.*"
LIVE_SUBJECTS = "live.evt.>"
ACCESS_SUBJECTS = "access.key.*"
LIVE_ACCESS_SUBJECTS = "live.access.>"
VERIFICATIONS_SUBJECT = "access.key.verifications"
"""Subject of the facts about comparisons of everything. The projector may store no others in their stream."""
READS_RECORDED = "reads.recorded"
"""Subject of batches of reads."""
WORK_SUBJECTS = "work.*.*.*"
PROGRESS_SUBJECTS = "prg.*.*"
ADVISORY_SUBJECTS = (
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.WORK.*",
    "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.WORK.*",
)

ALARM_SUBJECTS = "alarms.*"
ALARMS_RAISED = "alarms.raised"
ALARMS_CLEARED = "alarms.cleared"
ALARMS_REQUESTED = "alarms.requested"
"""A process that starts requests on this subject that all others announce their alarms."""

KEY_REQUESTS = "keys.requested"
"""Workers ask on this subject for the keys of jobs."""
KEY_ANSWERERS = "keys"
"""Queue group of those who answer: each request goes to one of them."""


def events(job_id: str) -> str:
    """Subject of a job's history."""
    return f"evt.job.{job_id}"


def job_of(subject: str) -> str:
    """Return the job of a subject of its history; the subject itself if it is not one."""
    return subject.removeprefix("evt.job.")


def api_key(key_id: str) -> str:
    """Subject of the commits about an API key."""
    return f"access.key.{key_id}"


def key_use(key_id: str) -> str:
    """Subject of the last use of an API key."""
    return f"$KV.{KEY_USES_BUCKET}.{key_id}"


def live(job_id: str) -> str:
    """Subject on which the server republishes a job's commits as they are stored."""
    return f"live.evt.job.{job_id}"


def work(model_class: str, lane: int | str, job_id: str) -> str:
    """Subject of a job's ticket; `lane` is 0 (critical) to 3 (low), or `prefetch`, or that of `deferred`."""
    return f"work.{model_class}.{lane}.{job_id}"


def deferred(lane: int) -> str:
    """Token in the place of the lane for tickets that wait beside it. No consumer reads their subjects."""
    return f"deferred-{lane}"


def work_filter(model_class: str, lane: int | str) -> str:
    """Subject filter of the consumer that serves one lane of a model class."""
    return f"work.{model_class}.{lane}.*"


def work_of_job(job_id: str) -> str:
    """Subject filter for the tickets of a job in all lanes."""
    return f"work.*.*.{job_id}"


def work_consumer(model_class: str, lane: int | str) -> str:
    """Durable name of the consumer that serves one lane of a model class."""
    return f"work-{model_class}-{lane}"


def progress(job_id: str, attempt: int) -> str:
    """Subject of an attempt's step progress, log lines and previews."""
    return f"prg.{job_id}.{attempt}"


def progress_of(job_id: str) -> str:
    """Subject filter for the progress of every attempt of a job."""
    return f"prg.{job_id}.*"


def worker(name: str) -> str:
    """Subject of a worker's reports."""
    return f"$KV.{WORKERS_BUCKET}.{name}"


class Service(StrEnum):
    """A process with a NATS user of its own."""

    ADMIN = "admin"
    API = "api"
    PROJECTOR = "projector"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Subjects that a NATS user may publish to and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def inbox_prefix(service: Service) -> str:
    """Return the inbox prefix of a service. No service can read the replies to another."""
    return f"_INBOX_{service.value}"


def _consume(stream: str) -> tuple[str, ...]:
    """Return the subjects to create, inspect and pull from consumers of `stream`."""
    return (
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.INFO.{stream}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.>",
        f"$JS.ACK.{stream}.>",
        f"$JS.FC.{stream}.>",
    )


def _get(stream: str) -> tuple[str, ...]:
    """Return the subjects to read single messages of `stream`."""
    return (
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.API.STREAM.MSG.GET.{stream}",
    )


def permissions(service: Service) -> Permissions:
    """Return the fewest subjects that `service` needs. See "Rights" in docs/log.md."""
    inbox = f"{inbox_prefix(service)}.>"
    key_values = f"$KV.{KEYS_BUCKET}.>"
    match service:
        case Service.ADMIN:
            return Permissions(publish=(">",), subscribe=(">",))
        case Service.API:
            publish = (
                "evt.job.*",
                ACCESS_SUBJECTS,
                READS_RECORDED,
                ALARM_SUBJECTS,
                f"{inbox_prefix(Service.WORKER)}.>",
                key_values,
                f"$KV.{KEY_USES_BUCKET}.>",
                f"$JS.API.STREAM.MSG.DELETE.{KEYS_STREAM}",
                f"$JS.API.STREAM.PURGE.{WORK}",
                f"$JS.API.STREAM.PURGE.{PROGRESS}",
                *_get(EVENTS),
                *_get(KEYS_STREAM),
                *_get(PROGRESS),
                *_consume(PROGRESS),
                *_get(WORKERS_STREAM),
                *_get(WORK),
                *_get(ACCESS),
                *_get(KEY_USES_STREAM),
                *_get(READS),
            )
            return Permissions(
                publish=publish,
                subscribe=(
                    inbox,
                    LIVE_SUBJECTS,
                    LIVE_ACCESS_SUBJECTS,
                    "prg.>",
                    f"$KV.{WORKERS_BUCKET}.>",
                    ALARM_SUBJECTS,
                    KEY_REQUESTS,
                ),
            )
        case Service.PROJECTOR:
            publish = (
                "evt.job.*",
                "work.>",
                VERIFICATIONS_SUBJECT,
                ALARM_SUBJECTS,
                f"{inbox_prefix(Service.WORKER)}.>",
                f"$JS.API.STREAM.PURGE.{WORK}",
                *(f"$JS.API.STREAM.CREATE.{stream}" for stream in QUEUE_STREAMS),
                *_get(EVENTS),
                *_consume(EVENTS),
                *_get(WORK),
                *_consume(WORK),
                *_get(PROGRESS),
                *_consume(PROGRESS),
                *_consume(ADVISORIES),
                *_get(ADVISORIES),
                *_get(ACCESS),
                *_get(KEYS_STREAM),
                *_get(WORKERS_STREAM),
                f"$JS.API.STREAM.INFO.{KEY_USES_STREAM}",
                *_get(READS),
                f"$JS.API.STREAM.PURGE.{READS}",
            )
            return Permissions(
                publish=publish,
                subscribe=(
                    inbox,
                    LIVE_SUBJECTS,
                    LIVE_ACCESS_SUBJECTS,
                    "prg.>",
                    ALARM_SUBJECTS,
                    KEY_REQUESTS,
                ),
            )
        case Service.WORKER:
            publish = (
                "evt.job.*",
                "prg.>",
                ALARM_SUBJECTS,
                KEY_REQUESTS,
                f"$KV.{WORKERS_BUCKET}.>",
                f"$JS.API.STREAM.INFO.{PROGRESS}",
                *_get(EVENTS),
                *_get(WORK),
                *_consume(WORK),
                *_get(WORKERS_STREAM),
            )
            return Permissions(publish=publish, subscribe=(inbox, LIVE_SUBJECTS, ALARM_SUBJECTS))
