"""The tools: names, descriptions and hints, as a language model reads them."""

from __future__ import annotations

import mcp_types as types

from kinolog_gateway.mcp import job_tools, record_tools
from kinolog_gateway.mcp.arguments import (
    CancelVideoArguments,
    GenerateVideoArguments,
    GetVideoArguments,
    HistoryArguments,
    JobArguments,
    ListVideosArguments,
    NoArguments,
    PlanVideoArguments,
    ShareVideoArguments,
)
from kinolog_gateway.mcp.results import (
    HistoryResult,
    PlanResult,
    SharedVideo,
    StoryboardResult,
    VideoList,
    VideoResult,
)
from kinolog_gateway.mcp.tool import McpTool
from kinolog_gateway.responses.catalogue import ModelsView
from kinolog_gateway.responses.proof import ProofView

READS = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
MAKES = types.ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
ENDS = types.ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)

_TOOLS = (
    McpTool(
        name="generate_video",
        title="Generate a video",
        description=(
            "Render a video from a text. Submits a job and waits for it, 50 seconds by default, with progress "
            "notifications. Rendering often takes minutes: if the job has not ended by then, the result says so, and "
            "get_video waits further. Cancelling this call ends only the waiting, unless cancel_with_call is true. "
            "Each call makes a new job; give a request_id of your own to repeat a call safely. Describe one shot in "
            "prompt, or several in scenes. Call list_models first to learn sizes, lengths and styles."
        ),
        arguments=GenerateVideoArguments,
        result=VideoResult,
        run=job_tools.generate_video,
        annotations=MAKES,
    ),
    McpTool(
        name="plan_video",
        title="Plan a video",
        description=(
            "Say what generate_video would make of the same arguments, without making it: the scenes with their "
            "lengths, size, frames, steps, the words that the model does not know, an estimated time, or why it would "
            "be refused. Call it before a long or costly video."
        ),
        arguments=PlanVideoArguments,
        result=PlanResult,
        run=job_tools.plan_video,
        annotations=READS,
    ),
    McpTool(
        name="get_video",
        title="Read a video's state",
        description=(
            "Read the state of one job: progress, error, and links to the video once it is completed. With "
            "wait_seconds it waits for the end, with progress notifications. Cancelling this call does not cancel the "
            "job."
        ),
        arguments=GetVideoArguments,
        result=VideoResult,
        run=job_tools.get_video,
        annotations=READS,
    ),
    McpTool(
        name="list_videos",
        title="List videos",
        description=(
            "List jobs, newest first, with how many there are of each status. Filter by status, priority, model, "
            "style, time, or a text in the prompt."
        ),
        arguments=ListVideosArguments,
        result=VideoList,
        run=job_tools.list_videos,
        annotations=READS,
    ),
    McpTool(
        name="cancel_video",
        title="Cancel a video",
        description=(
            "Stop a job that has not ended: at once if it is queued, at the next step if it is being rendered. What "
            "was rendered so far is lost. Ask the user first if the job is not from this conversation."
        ),
        arguments=CancelVideoArguments,
        result=VideoResult,
        run=job_tools.cancel_video,
        annotations=ENDS,
    ),
    McpTool(
        name="share_video",
        title="Link a video",
        description=(
            "Make links to the video and the poster of a completed job that open in a browser without an API key. Use "
            "it to show the user the video. Whoever has a link can watch until it expires, an hour by default; it ends "
            "earlier if the job is erased or the key revoked."
        ),
        arguments=ShareVideoArguments,
        result=SharedVideo,
        run=job_tools.share_video,
        annotations=MAKES,
    ),
    McpTool(
        name="get_storyboard",
        title="Read a storyboard",
        description="Read the scenes of a job: prompt, length, camera, transition, seed and status of each.",
        arguments=JobArguments,
        result=StoryboardResult,
        run=record_tools.get_storyboard,
        annotations=READS,
    ),
    McpTool(
        name="list_models",
        title="List models",
        description=(
            "List the video models with their sizes, longest videos, styles, inputs, defaults and profiles, and the "
            "LoRAs and upscalers. Call it before generate_video, unless the user named everything."
        ),
        arguments=NoArguments,
        result=ModelsView,
        run=record_tools.list_models,
        annotations=READS,
    ),
    McpTool(
        name="get_history",
        title="Read a job's history",
        description=(
            "Read the commits of a job in the append-only log: which commands it received, what happened, when, and "
            "the hash that binds each commit to the one before."
        ),
        arguments=HistoryArguments,
        result=HistoryResult,
        run=record_tools.get_history,
        annotations=READS,
    ),
    McpTool(
        name="verify_video",
        title="Verify a video's record",
        description=(
            "Check that the record of a job is complete and unaltered: its commits, their copy in the archive, the key "
            "of its prompts, and every byte of its files. Takes up to a minute. `valid` is false if a check fails."
        ),
        arguments=JobArguments,
        result=ProofView,
        run=record_tools.verify_video,
        annotations=READS,
    ),
)
TOOLS = {tool.name: tool for tool in _TOOLS}
"""The tools by name, in the order of `tools/list`."""
