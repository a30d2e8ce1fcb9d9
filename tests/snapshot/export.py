"""Draw the pages as SVG for the documentation, from the recording of `week`: python -m tests.snapshot.export."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.snapshot import replay as recording
from tests.snapshot.dashboard_pilot import dashboard, settled
from tests.snapshot.replay import replay
from tests.snapshot.test_pages import walk

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PAGES = (
    "dashboard",
    "jobs",
    "filter",
    "job-running",
    "job-scenes",
    "job-video",
    "job-history",
    "job-proof",
    "generate",
    "analytics",
    "films",
    "settings",
    "keys",
)
SIZE = (110, 32)
SIZES = {"jobs": (150, 36), "analytics": (110, 29)}
"""Of pages that need another size: the selected job beside the list, and whole charts."""


async def main() -> None:
    """Write one picture per page, without remote fonts."""
    IMAGES.mkdir(exist_ok=True)
    recording.FOLDER = Path(__file__).parent / "week"
    with TemporaryDirectory(prefix="kinolog-") as folder:
        async with replay() as gateway, dashboard(gateway.url, Path(folder), SIZE) as pilot:
            async for page in walk(pilot):
                if page in PAGES:
                    await pilot.resize_terminal(*SIZES.get(page, SIZE))
                    await settled(pilot)
                    svg = pilot.app.export_screenshot(title=f"kinolog tui: {page.replace('-', ' ')}")
                    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
                    svg = svg.replace("Fira Code, monospace", "Menlo, Consolas, DejaVu Sans Mono, monospace")
                    (IMAGES / f"tui-{page}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
