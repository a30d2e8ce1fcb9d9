"""A body as fields and uploads, whether it is JSON or a form. Files go to the api while they arrive."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from grpc.aio import AioRpcError

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.compatibility.form_fields import MAX_FIELDS, form_values
from kinolog_gateway.compatibility.generation import ForeignNames
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.multipart_form import MultipartForm, PartData, PartEnd, PartStart, next_chunk
from kinolog_gateway.http.problems import HttpProblemError, invalid
from kinolog_gateway.requests.input_upload import InputUpload, drain, uploaded
from kinolog_gateway.upstream import Upstream

MAX_TEXT_BYTES = 1_000_000
"""Bytes of all fields of a form that are no files."""
MAX_JSON_BYTES = 16 << 20
"""Bytes of a body of JSON. It may hold a picture."""
MAX_JSON_MARKS = 100_000
"""Commas and brackets of a body of JSON: a value takes up to 30 times the memory of its text."""
MAX_FILES = 16

_HINT = "send JSON, or a form as multipart/form-data"


@dataclass(slots=True, kw_only=True)
class RequestBody:
    """The fields of a body, and its files by the name of their field. The api has received the files."""

    fields: dict[str, Any]
    files: dict[str, list[pb.Upload]] = field(default_factory=dict)


async def read_body(request: Request, api: Upstream, caller: HttpCaller) -> RequestBody:
    """Read a body. Raises `HttpProblemError` for one that cannot be read, and for a file that the api refuses."""
    chunks = aiter(request.stream())
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    try:
        if media_type == "multipart/form-data":
            return await _multipart(MultipartForm(content_type, _HINT), chunks, api, caller)
        if media_type == "application/x-www-form-urlencoded":
            return RequestBody(fields=_urlencoded(await _whole(chunks, MAX_TEXT_BYTES)))
        if media_type == "application/json" or (media_type == "" and not _has_body(request)):
            return RequestBody(fields=_json(await _whole(chunks, MAX_JSON_BYTES)))
        raise HttpProblemError(415, "UNSUPPORTED_MEDIA_TYPE", _HINT)
    except HttpProblemError as error:
        await drain(chunks)
        error.headers["Connection"] = "close"
        raise


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _multipart(
    form: MultipartForm, chunks: AsyncIterable[bytes], api: Upstream, caller: HttpCaller
) -> RequestBody:
    texts: list[tuple[str, str]] = []
    files: dict[str, list[pb.Upload]] = {}
    name, text, upload = "", bytearray(), None
    text_bytes = 0
    try:
        async for event in form.events(chunks):
            match event:
                case PartStart(name, is_file):
                    name = name.removesuffix("[]") if is_file else name
                    text_bytes += len(name)
                    text.clear()
                    if is_file and sum(map(len, files.values())) >= MAX_FILES:
                        raise invalid(name[:64], f"is one of more than {MAX_FILES} files; send fewer")
                    if len(texts) > MAX_FIELDS:
                        raise invalid("body", f"must have at most {MAX_FIELDS} fields")
                    upload = InputUpload(api, caller) if is_file else None
                case PartData(data) if upload is not None:
                    await upload.send(data)
                case PartData(data):
                    text += data
                    text_bytes += len(data)
                    if text_bytes > MAX_TEXT_BYTES:
                        raise _too_large(MAX_TEXT_BYTES)
                case PartEnd() if upload is not None:
                    files.setdefault(name, []).append(await upload.finish())
                    upload = None
                case PartEnd():
                    texts.append((name, _decoded(bytes(text), name)))
    except AioRpcError as error:
        raise _refused_file(error, name) from None
    except BaseException:
        if upload is not None:
            upload.cancel()
        raise
    return RequestBody(fields=form_values(texts), files=files)


def _decoded(text: bytes, name: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise invalid(name[:64] or "body", "must be UTF-8") from None


def _urlencoded(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS, separator="&"
        )
    except ValueError:
        raise invalid("body", f"must be a form in UTF-8 with at most {MAX_FIELDS} fields") from None
    return form_values(pairs)


def _json(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_JSON_MARKS:
        raise invalid("body", "has too many values; send files as they are, in base64 or in a form")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        at = f" at character {error.pos}: {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
        raise invalid("body", f"is not JSON{at}") from None
    if not isinstance(value, dict):
        raise invalid("body", "must be a JSON object")
    return value


async def _whole(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    body = bytearray()
    while (chunk := await next_chunk(chunks)) is not None:
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> HttpProblemError:
    return HttpProblemError(413, "BODY_TOO_LARGE", f"the body is larger than {limit:,} bytes; send less")


async def uploaded_data_url(url: str, name: str, api: Upstream, caller: HttpCaller) -> pb.Upload:
    """Upload the content of a `data:` URL. Raises `HttpProblemError` for another address, and what the api says."""
    head, comma, content = url.partition(",")
    if not head.lower().startswith("data:") or not comma or not head.lower().endswith(";base64"):
        raise invalid(
            name, "must be a file or a data: URL in base64; kinolog fetches nothing from other addresses"
        )
    try:
        data = b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(name, "is no base64") from None

    async def pieces() -> AsyncIterator[bytes]:
        yield data

    try:
        return await uploaded(pieces(), api, caller)
    except AioRpcError as error:
        raise _refused_file(error, name) from None


def _refused_file(error: AioRpcError, name: str) -> HttpProblemError:
    """Return the error of a file that the api refused, in the name of its field."""
    return ForeignNames(names={"file": name}).refused(error)
