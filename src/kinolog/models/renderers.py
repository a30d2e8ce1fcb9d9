"""Names in catalogue entries: renderers, by entry point, and the source of the embedded model."""

from __future__ import annotations

from importlib.metadata import entry_points

RENDERER_GROUP = "kinolog.renderers"
"""Entry-point group of the renderers. Each entry point is a class that implements a port of the worker: `Renderer` or
`FileRenderer`."""

DEFAULT_RENDERER = "diffusers"
"""Name of the entry point that entries without a `renderer` use."""

VIDEO_SERVER_RENDERER = "openai-videos"
"""Name of the entry point that requests videos from a server. See `kinolog.models.servers.video_server`."""

DEFAULT_OPTIONS = frozenset(
    {
        "allow_download",
        "cache_folder",
        "dtype",
        "flow_shift",
        "placement",
        "size_multiple",
        "text_tokens",
        "vae_dtype",
    }
)
"""Options of entries with the default renderer. Other renderers have their own."""

EMBEDDED = "embedded"
"""Source of the model that is installed with the worker."""


def installed_renderers() -> tuple[str, ...]:
    """Return the names of the renderers that are installed in this environment, sorted."""
    return tuple(sorted(entry_points(group=RENDERER_GROUP).names))
