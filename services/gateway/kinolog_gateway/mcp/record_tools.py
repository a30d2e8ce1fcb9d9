"""Tools that read the catalogue, and what is recorded about a job."""

from __future__ import annotations

from kinolog.counts import counted
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.mcp.arguments import HistoryArguments, JobArguments, NoArguments
from kinolog_gateway.mcp.call import McpCall
from kinolog_gateway.mcp.results import history_result, storyboard_result
from kinolog_gateway.mcp.tool import ToolOutput
from kinolog_gateway.responses.catalogue import models_view
from kinolog_gateway.responses.proof import proof_view
from kinolog_gateway.upstream import PROOF_SECONDS


async def get_storyboard(call: McpCall, arguments: JobArguments) -> ToolOutput:
    """Read the scenes of a job."""
    request = pb.GetStoryboardRequest(job_id=arguments.job_id)
    response = await call.api.call(call.api.jobs.GetStoryboard, request, call.caller)
    result = storyboard_result(arguments.job_id, response)
    return ToolOutput(result, f"{counted(len(result.scenes), 'scene')}, {result.duration_seconds:g} s")


async def list_models(call: McpCall, _: NoArguments) -> ToolOutput:
    """Read the catalogue."""
    result = models_view(await call.models())
    names = ", ".join(model.name for model in result.models)
    return ToolOutput(result, f"{counted(len(result.models), 'model')}: {names}")


async def get_history(call: McpCall, arguments: HistoryArguments) -> ToolOutput:
    """Read the commits of a job."""
    request = audit.GetHistoryRequest(job_id=arguments.job_id)
    response = await call.api.call(call.api.audit.GetHistory, request, call.caller)
    result = history_result(arguments.job_id, response, arguments.limit)
    return ToolOutput(result, counted(result.commit_count, "commit"))


async def verify_video(call: McpCall, arguments: JobArguments) -> ToolOutput:
    """Check the record of a job."""
    request = audit.VerifyJobRequest(job_id=arguments.job_id)
    response = await call.api.call(call.api.audit.VerifyJob, request, call.caller, PROOF_SECONDS)
    result = proof_view(arguments.job_id, response)
    broken = [check.name for check in result.checks if not check.holds]
    outcome = f"not valid: {', '.join(broken)}" if broken else "valid: every check holds"
    return ToolOutput(result, f"The record of job {arguments.job_id} is {outcome}")
