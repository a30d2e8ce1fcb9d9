"""`kinolog generate --file`: one job per line of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kinolog.texts import is_blank
from kinolog_cli.context import CliContext
from kinolog_cli.errors import CommandFailed, error_json, error_lines
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.submission.input_files import InputFiles
from kinolog_cli.submission.job_object import job_object
from kinolog_cli.submission.text_file import text_of
from kinolog_client import InvalidRequest, KinologClient, ProblemError, VideoInput, VideoRequest

LONGEST_PROMPT_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLine:
    """A line of the file. `problem` is why it makes no job; empty if it can."""

    number: int
    request: VideoRequest
    request_id: str | None = None
    problem: str = ""


def submit_file(
    context: CliContext, path: Path, defaults: VideoRequest, request_id: str | None, files: InputFiles
) -> ExitCode:
    """Submit every line of a file, and print the id of each job. A wrong line does not keep the others back.

    All jobs start from the same `files`, but for lines that name inputs of their own. With a `request_id`, line 3 has
    the id `REQUEST_ID-3`: submitting the same file twice makes each job once.
    """
    lines = list(prompt_lines(path, defaults, request_id))
    if not lines:
        raise CommandFailed(ExitCode.USAGE, f"{path} has no line with a prompt")
    wrong = 0
    with context.client() as client:
        inputs = files.uploaded(client)
        for read in lines:
            line = replace(read, request=_with_inputs(read.request, inputs))
            wrong += not _submit_line(context, client, line)
    if not context.as_json:
        context.print_note(f"{len(lines) - wrong} submitted" + (f", {wrong} refused" if wrong else ""))
    return ExitCode.USAGE if wrong else ExitCode.OK


def _submit_line(context: CliContext, client: KinologClient, line: PromptLine) -> bool:
    """Submit one line. Return whether it made a job. Raises `GatewayError` if no further line can be submitted."""
    try:
        if line.problem:
            raise CommandFailed(ExitCode.USAGE, line.problem)
        answer = client.submit(line.request, request_id=line.request_id)
    except (CommandFailed, InvalidRequest, ProblemError) as error:
        if isinstance(error, ProblemError) and error.status not in (400, 409, 422):
            raise
        if context.as_json:
            context.print_json({"line": line.number, "error": error_json(error)})
        else:
            context.print_error(f"line {line.number}: {'; '.join(error_lines(error))}")
        return False
    if context.as_json:
        context.print_json({"line": line.number} | answer.to_json())
    else:
        prompt = line.request.prompt or " ".join(scene.prompt for scene in line.request.scenes or ())
        shown = prompt if len(prompt) <= LONGEST_PROMPT_SHOWN else f"{prompt[:LONGEST_PROMPT_SHOWN]}…"
        for job in answer.variants or (answer.job,):
            context.out.print(f"{job.job_id}  {job.status}  {shown}", markup=False, soft_wrap=True)
    return True


def _with_inputs(request: VideoRequest, inputs: list[VideoInput] | None) -> VideoRequest:
    return request if inputs is None or request.inputs is not None else replace(request, inputs=inputs)


def prompt_lines(path: Path, defaults: VideoRequest, request_id: str | None) -> Iterator[PromptLine]:
    """Yield the lines of a file that are not blank, with the options of the command where a line states nothing else.

    A line of a `.jsonl` file, or of any file that begins with `{`, is a JSON object with the fields of
    POST /api/v1/generate. Raises `CommandFailed` if the file cannot be read.
    """
    text = text_of(path)
    as_objects = path.suffix.lower() in (".jsonl", ".ndjson") or text.lstrip().startswith("{")
    for number, line in enumerate(text.split("\n"), 1):
        if is_blank(line):
            continue
        own_id = None if request_id is None else f"{request_id}-{number}"
        if not as_objects:
            yield PromptLine(number=number, request=replace(defaults, prompt=line.strip()), request_id=own_id)
            continue
        values: dict[str, Any] = {}
        problem = ""
        try:
            values = job_object(line, more=("request_id",))
        except ValueError as error:
            problem = str(error)
        named_id = values.pop("request_id", None)
        yield PromptLine(
            number=number,
            request=replace(defaults, **values),
            request_id=own_id if named_id is None else str(named_id),
            problem=problem,
        )
