"""Fields that messages and domain objects share by name."""

from __future__ import annotations

from dataclasses import fields

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from kinolog.codec.plain_fields import plain_fields
from kinolog.job.state import Job, ListedFields
from kinolog.job.values import Spec
from kinolog.ports.read_model import JobRow
from kinolog.v1 import job_pb2 as pb
from tests.builders.memory_jobs import MemoryJobs


@pytest.mark.parametrize(
    ("message", "kind", "absent"),
    [
        (pb.Job, JobRow, {"queue_position"}),
        (pb.Job, Job, {"queue_position", "percent", "eta_seconds", "position"}),
        (
            pb.JobSpec,
            JobRow,
            {
                "webhook",
                "webhook_format",
                "codec",
                "crf",
                "title",
                "prompt_writer",
                "prompt_writer_trouble",
                "chained",
                "upscaler",
                "profile",
                "flow_shift",
                "interpolate_fps",
            },
        ),
        (pb.JobSpec, Spec, set()),
    ],
)
def test_plain_fields_have_one_name(message: type[Message], kind: type, absent: set[str]) -> None:
    """Each number, text and boolean of a message has an attribute of its name, apart from the listed ones."""
    composite = (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_ENUM)
    names = {f.name for f in message.DESCRIPTOR.fields if f.type not in composite and not f.is_repeated}
    assert {name for name in names if not hasattr(kind, name)} == absent


def test_every_listed_field_is_in_the_message() -> None:
    """What lists show of a job has a field of the same name in the message for clients."""
    assert {field.name for field in fields(ListedFields)} <= set(pb.Job.DESCRIPTOR.fields_by_name)


async def test_values_are_copied_by_name() -> None:
    """The copied fields have the values of the job."""
    jobs = MemoryJobs()
    job = await jobs.job(await jobs.submit(model="kinolog-tiny", style="noir"))
    copied = plain_fields(pb.Job, job)
    assert copied["id"] == job.id
    assert copied["worker"] == job.worker
    assert copied["version"] == job.version
    assert plain_fields(pb.JobSpec, job.spec)["style"] == "noir"
