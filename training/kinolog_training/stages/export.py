"""Stage `export`: averaged weights from the checkpoints into a WanPipeline folder that `from_pretrained` loads."""

import json
from pathlib import Path
from typing import Any

import torch

from kinolog_training.captions import vocabulary as words
from kinolog_training.networks.decoder import FlatDecoder, build_vae, install
from kinolog_training.networks.denoiser import build_denoiser, build_scheduler, widened_to_grids
from kinolog_training.networks.text_encoder import LENGTH, build_tokenizer
from kinolog_training.networks.wan import WanPipeline
from kinolog_training.stages.text import TextReader

CARD = {
    "native_width": 64,
    "native_height": 64,
    "frames": [17, 33],
    "frames_per_second": 16,
    "max_sequence_length": LENGTH,
    "guidance_scale": 2.0,
    "num_inference_steps": 20,
}


def _average(folder: Path, stage: str) -> dict[str, Any]:
    checkpoint: dict[str, Any] = torch.load(folder / f"{stage}.pt", map_location="cpu", weights_only=True)
    print(f"{stage}: step {checkpoint['steps']}, {checkpoint['samples']} samples")
    average: dict[str, Any] = checkpoint["average"]
    return average


def trained_vae(folder: Path) -> Any:
    """Return the autoencoder with the trained decoder. Its encoder is never used and holds zeros."""
    flat, vae = FlatDecoder(), build_vae()
    flat.load_state_dict(_average(folder, "decoder"))
    install(flat, vae)
    with torch.no_grad():
        for parameter in (*vae.encoder.parameters(), *vae.quant_conv.parameters()):
            parameter.zero_()
    return vae


def build_pipeline(folder: Path) -> Any:
    """Return the pipeline of the trained networks, in float32."""
    reader, denoiser = TextReader(), build_denoiser()
    reader.load_state_dict(_average(folder, "text"))
    denoiser.load_state_dict(_average(folder, "denoiser"))
    return WanPipeline(
        tokenizer=build_tokenizer(),
        text_encoder=reader.encoder.train(False),
        transformer=widened_to_grids(denoiser).eval(),
        vae=trained_vae(folder).eval(),
        scheduler=build_scheduler(),
    )


def known_words() -> dict[str, Any]:
    """Return the meaning of the known words: attribute, value, then its words and phrases."""
    return {
        "shapes": words.SHAPES,
        "colours": words.COLOURS,
        "palette": words.PALETTE,
        "sizes": words.SIZES,
        "speeds": words.SPEEDS,
        "scenery": words.SCENERY,
        "grounds": words.GROUNDS,
        "motions": words.MOTIONS,
        "doing": words.DOING,
        "going": words.GOING,
        "where": words.WHERE,
        "shades": words.SHADES,
        "fillers": words.FILLERS,
    }


def export(folder: Path, to: Path) -> None:
    """Write the pipeline in float16 with its card and its words, readable by all users."""
    pipeline = build_pipeline(folder)
    for part in (pipeline.text_encoder, pipeline.transformer, pipeline.vae):
        part.half()
    pipeline.save_pretrained(to, safe_serialization=True)
    (to / "kinolog.json").write_text(json.dumps(CARD, indent=2) + "\n")
    (to / "words.json").write_text(json.dumps(known_words(), indent=1) + "\n")
    for path in to.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    print(f"wrote {to}: {size / 1e6:.1f} MB")
