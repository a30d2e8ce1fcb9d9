"""What a worker reports about the memory of its models."""

from __future__ import annotations

from pathlib import Path

from kinolog_worker.reporting.memory_needs import memory_needs

from kinolog.models.catalogue import TINY, ModelEntry, with_family
from tests.builders.weight_files import write_weights

SHAPES = {"blocks.0.a.weight": [64, 64], "blocks.1.a.weight": [64, 64], "embedding.weight": [8, 64]}


def _entry(name: str, folder: Path, pipeline: str = "WanPipeline", **options: object) -> ModelEntry:
    return with_family(ModelEntry(name=name, source=str(folder), pipeline=pipeline, options=options))


def test_models_on_this_machine_are_measured(tmp_path: Path) -> None:
    """A placement that keeps more on the device needs more. What cannot be measured is left out."""
    for part in ("transformer", "text_encoder", "vae"):
        write_weights(tmp_path / "wan" / part / "model.safetensors", SHAPES)
    (tmp_path / "broken" / "vae").mkdir(parents=True)
    (tmp_path / "broken" / "vae" / "model.safetensors").write_bytes(b"x")
    entries = [
        TINY,
        _entry("wan", tmp_path / "wan"),
        _entry("whole", tmp_path / "wan", placement="device"),
        _entry("exact", tmp_path / "wan", dtype="float32"),
        _entry("hub", Path("owner/model")),
        _entry("broken", tmp_path / "broken"),
        _entry("modular", tmp_path / "wan", pipeline="EchoModularPipeline"),
        ModelEntry(name="cards", source=str(tmp_path / "wan"), renderer="testcard"),
    ]
    needs = memory_needs(entries)
    assert set(needs) == {"wan", "whole", "exact"}
    assert 0 < needs["wan"].least_bytes < needs["whole"].least_bytes
    assert needs["exact"].bytes_per_pixel == 2 * needs["wan"].bytes_per_pixel
    assert needs["wan"].of(10**12) == int(needs["wan"].bytes_per_pixel * 10**12)
    assert needs["wan"].of(1) == needs["wan"].least_bytes
