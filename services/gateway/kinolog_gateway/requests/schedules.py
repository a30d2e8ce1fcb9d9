"""The body of POST /api/v1/schedules."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from kinolog.v1 import schedule_service_pb2 as pb
from kinolog_gateway.requests.generate import GenerateRequest
from kinolog_gateway.requests.value_types import RequestModel, check_line


class NewScheduleRequest(RequestModel):
    """A schedule to create."""

    cron: Annotated[str, AfterValidator(check_line), Field(min_length=1, max_length=200)] = Field(
        description="When it runs: minute, hour, day of the month, month and day of the week, as cron has them.",
        examples=["0 22 * * MON-FRI"],
    )
    zone: Annotated[str, AfterValidator(check_line), Field(max_length=64)] = Field(
        "UTC", description="The time zone of these fields.", examples=["Europe/Berlin"]
    )
    name: Annotated[str, AfterValidator(check_line), Field(max_length=64)] | None = Field(
        None, description="A name for people."
    )
    catch_up: bool = Field(
        False,
        strict=True,
        description="Whether the last of the runs that were missed is made up for: while the service did not run, or "
        "refused the job.",
    )
    job: GenerateRequest = Field(
        description="The job that it submits, as POST /api/v1/generate takes it, without request_id, start_after, "
        "variants and inputs. It is stored sealed."
    )

    def to_proto(self) -> pb.CreateScheduleRequest:
        """Return the request to the api."""
        return pb.CreateScheduleRequest(
            cron=self.cron,
            zone=self.zone,
            name=self.name or "",
            catch_up=self.catch_up,
            job=self.job.to_proto(self.job.request_id or ""),
        )
