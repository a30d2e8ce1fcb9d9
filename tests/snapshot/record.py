"""Record what a gateway answers, for the snapshots: python -m tests.snapshot.record URL.

It submits a few jobs to a running kinolog, catches one of them while it renders, and writes every answer that the
pages ask for into recorded.json, with the time at which it was so. Beside it are a finished video, its scenes, and the
thumbnails of all jobs of the list.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

FOLDER = Path(__file__).parent
CHARTS = ("overview", "success-rate", "stage-times", "queue-depth", "trends", "status-distribution")
SPANS = ("last_24_hours", "last_7_days")
PROMPT = "A red circle moves right on a blue background. Then a green square turns slowly, zoom in."
SCENES = 2
"""Of the prompt."""
WAIT_SECONDS = 0.2


def main(url: str, folder: Path = FOLDER) -> None:
    """Submit jobs, catch one while it renders, and write the recording to a folder."""
    with httpx.Client(base_url=url, timeout=60) as http:
        made = _submit(http, duration=2.0, steps=8, style="cinematic", seed=7, priority="high")
        cancelled = _submit(http, priority="low")
        http.post(f"/api/v1/cancel/{cancelled}", json={"reason": "not wanted"}).raise_for_status()
        _wait(http, made, lambda job: job["status"] == "completed")
        running = _submit(http, duration=4.0, steps=40, seed=11, priority="critical")
        _submit(http, priority="medium")
        _wait(http, running, lambda job: job["percent"] > 20)
        answers = _answers(http, [made, running, cancelled])
        recorded = {
            "now": datetime.now(UTC).isoformat(),
            "running": running,
            "made": made,
            "answers": answers,
        }
        (folder / "recorded.json").write_text(
            json.dumps(recorded, separators=(",", ":")) + "\n", encoding="utf-8"
        )
        _save_thumbnails(http, folder, answers["/api/v1/jobs?limit=50"]["jobs"])
        for scene in range(SCENES):
            file = http.get(f"/api/v1/result/{made}/scenes/{scene}").raise_for_status()
            (folder / f"scene-{scene}.mp4").write_bytes(file.content)
        (folder / "film.mp4").write_bytes(http.get(f"/api/v1/result/{made}/video").content)
        http.post("/api/v1/bulk", json={"action": "cancel", "filter": {"date_range": "all_time"}})


def _save_thumbnails(http: httpx.Client, folder: Path, jobs: list[Any]) -> None:
    """Write the thumbnail of each completed job, instead of those of an earlier recording."""
    (folder / "thumbnails").mkdir(exist_ok=True)
    for old in (folder / "thumbnails").iterdir():
        old.unlink()
    for job in jobs:
        answer = http.get(f"/api/v1/result/{job['job_id']}/thumbnail")
        if answer.status_code == HTTPStatus.OK:
            (folder / "thumbnails" / f"{job['job_id']}.jpg").write_bytes(answer.content)


def _submit(http: httpx.Client, **fields: Any) -> str:
    answer = http.post(
        "/api/v1/generate", json={"prompt": PROMPT, "shots": "auto", **fields}
    ).raise_for_status()
    return str(answer.json()["job_id"])


def _wait(http: httpx.Client, job_id: str, until: Any) -> None:
    while not until(http.get(f"/api/v1/status/{job_id}").json()):
        time.sleep(WAIT_SECONDS)


def _answers(http: httpx.Client, jobs: list[str]) -> dict[str, Any]:
    paths = ["/api/v1/jobs?limit=50", "/api/v1/models", "/api/v1/workers", "/api/v1/activity?limit=50"]
    paths += [f"/api/v1/analytics/{chart}?date_range={span}" for chart in CHARTS for span in SPANS]
    paths.append("/api/v1/analytics/trends?bucket_seconds=86400&date_range=last_7_days")
    paths.append("/api/v1/analytics/status-distribution")
    models = [model["name"] for model in http.get("/api/v1/models").raise_for_status().json()["models"]]
    paths += [
        f"/api/v1/analytics/status-distribution?date_range={span}&model={model}"
        for span in SPANS
        for model in models
    ]
    for job in jobs:
        paths += [f"/api/v1/{part}/{job}" for part in ("status", "storyboard", "logs", "events")]
    commits = http.get(f"/api/v1/events/{jobs[0]}").json()["commits"]
    paths += [f"/api/v1/events/{jobs[0]}?as_of={commit['position']}" for commit in commits]
    paths.append(f"/api/v1/audit/{jobs[0]}")
    answers = {path: http.get(path).raise_for_status().json() for path in paths}
    document = http.get("/openapi.json").raise_for_status().json()
    return answers | {"/openapi.json": {"paths": {path: {} for path in document["paths"]}}}


if __name__ == "__main__":
    main(sys.argv[1])
