"""The prompt for writing a shot, and the completion of arguments."""

from __future__ import annotations

import mcp_types as types
from grpc.aio import AioRpcError
from mcp.shared.exceptions import MCPError

from kinolog.counts import counted
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.mcp.call import McpCall
from kinolog_gateway.responses.catalogue import ModelView, models_view

WRITE_SHOT = types.Prompt(
    name="write_shot",
    title="Write a shot",
    description="Turn an idea into the prompt of one shot that a video model understands, and render it.",
    arguments=[
        types.PromptArgument(
            name="idea", description="What the video shall show, in any words.", required=True
        ),
        types.PromptArgument(
            name="model", description="Name of a model in list_models; the default without it."
        ),
    ],
)
MOST_IDEA_CHARACTERS = 4_000
MOST_COMPLETIONS = 100

_TEXT = """\
Write the prompt of one video shot for the model "{name}", and render it with generate_video.

The idea: {idea}

How to write it:
- One paragraph of plain sentences in English, 40 to 120 words.
- One continuous shot: no cuts, no "then", no scene numbers.
- Begin with the subject and what it does. Then the surroundings, the light, the camera (angle and movement), the look.
- Concrete nouns and visible actions. Leave out what no camera sees: thoughts, names, sounds, durations.
- Write what is there. What must not be there belongs in negative_prompt.
{limits}
Show the user the prompt before you render it, unless they asked for the video at once.
"""


async def write_shot(call: McpCall, arguments: dict[str, str]) -> types.GetPromptResult:
    """Return the instructions for writing a shot. Raises MCPError."""
    idea = arguments.get("idea", "").strip()
    if not idea or len(idea) > MOST_IDEA_CHARACTERS:
        raise MCPError(
            types.INVALID_PARAMS, "idea must have 1 to 4,000 characters: what the video shall show"
        )
    model = await _model(call, arguments.get("model", ""))
    text = _TEXT.format(name=model.name, idea=idea, limits=_limits(model))
    return types.GetPromptResult(
        description=WRITE_SHOT.description,
        messages=[types.PromptMessage(role="user", content=types.TextContent(text=text))],
    )


async def complete(call: McpCall, params: types.CompleteRequestParams) -> types.CompleteResult:
    """Complete the model of the prompt, or the job of a resource: names that begin with what was typed."""
    typed, argument = params.argument.value, params.argument.name
    values: list[str] = []
    try:
        if isinstance(params.ref, types.PromptReference) and argument == "model":
            values = [model.name for model in (await call.models()).models]
        elif isinstance(params.ref, types.ResourceTemplateReference) and argument == "job_id":
            request = pb.ListJobsRequest(order_by="created_at desc", page_size=MOST_COMPLETIONS)
            page = await call.api.call(call.api.jobs.ListJobs, request, call.caller)
            values = [job.id for job in page.jobs]
    except AioRpcError:
        values = []  # a client that completes shows nothing then
    return types.CompleteResult(
        completion=types.Completion(
            values=[value for value in values if value.startswith(typed)][:MOST_COMPLETIONS]
        )
    )


async def _model(call: McpCall, name: str) -> ModelView:
    try:
        models = models_view(await call.models()).models
    except AioRpcError:
        raise MCPError(types.INTERNAL_ERROR, "the api does not answer; try again in a moment") from None
    for model in models:
        if model.name == name or (not name and model.is_default):
            return model
    raise MCPError(types.INVALID_PARAMS, "there is no such model; list_models has the names")


def _limits(model: ModelView) -> str:
    """Return the lines that hold for this model alone."""
    defaults = model.defaults
    lines = [
        f"- By default {defaults.size}, {defaults.duration:g} s at {counted(defaults.fps, 'frame')} per second."
    ]
    if model.sizes:
        lines.append(f"- Sizes: {', '.join(model.sizes)}.")
    lines.append(f"- At most {counted(model.max_frames, 'frame')} a shot; longer videos need several scenes.")
    if model.styles:
        lines.append(f"- Styles to name in style instead of the prompt: {', '.join(model.styles)}.")
    if model.vocabulary:
        lines.append(f"- It knows only these words: {', '.join(model.vocabulary)}.")
    needed = [one.role for one in model.inputs if one.required]
    if needed:
        lines.append(f"- It needs inputs, which are uploaded over HTTP: {', '.join(needed)}.")
    return "\n".join(lines) + "\n"
