"""What the diffusers renderer guarantees beyond the port: the bare pipeline's pixels, and safe loading."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.autoencoder import AutoencoderSeam
from kinolog_worker.renderers.diffusers.device import device_named
from kinolog_worker.renderers.diffusers.embedded_model import FOLDER, embedded_folder
from kinolog_worker.renderers.diffusers.latents import decode_runs
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, RenderFailed, SceneRequest, StepReport
from PIL import Image

from kinolog.models.renderers import EMBEDDED
from tests.builders.drawn_frames import rendered
from tests.renderers.pipelines import ltx_folder, wan_folder

_library: Any = diffusers
REQUEST = SceneRequest(
    prompt="a red ball",
    negative_prompt="blue",
    width=64,
    height=64,
    frames=7,
    fps=8,
    steps=3,
    guidance=3.0,
    seed=11,
)


@pytest.fixture(scope="session")
def wan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a WanPipeline with random weights."""
    return wan_folder(tmp_path_factory.mktemp("wan") / "model")


@pytest.fixture(scope="session")
def renderer(wan: Path) -> Iterator[DiffusersRenderer]:
    """A renderer with that model."""
    renderer = DiffusersRenderer()
    renderer.load(ModelSource("wan", str(wan)), "cpu")
    yield renderer
    renderer.close()


@pytest.fixture(scope="session")
def bare(wan: Path) -> Any:
    """The bare pipeline, loaded as documented by diffusers."""
    pipe = _library.WanPipeline.from_pretrained(wan, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _bare(pipe: Any, request: SceneRequest, **more: Any) -> Frames:
    video = pipe(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_frames=request.frames,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="np",
        **more,
    ).frames[0]
    frames: Frames = np.rint(video * 255).astype(np.uint8)
    return frames


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_pixels_are_those_of_the_bare_pipeline(
    renderer: DiffusersRenderer, bare: Any, guidance: float
) -> None:
    """Cached embeddings, streamed decoding and observation change no pixel."""
    request = replace(REQUEST, guidance=guidance)
    assert (rendered(renderer, request) == _bare(bare, request, max_sequence_length=32)).all()


def test_pixels_of_a_masked_pipeline_are_those_of_the_bare_one(tmp_path: Path) -> None:
    """A pipeline that decodes all at once and masks its embeddings gives the same pixels as alone."""
    folder = ltx_folder(tmp_path / "ltx")
    renderer = DiffusersRenderer()
    renderer.load(ModelSource("ltx", str(folder)), "cpu")
    pipe = _library.LTXPipeline.from_pretrained(folder, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    request = replace(REQUEST, frames=9)
    bare = _bare(pipe, request, max_sequence_length=32, frame_rate=request.fps)
    assert (rendered(renderer, request) == bare).all()


@pytest.mark.parametrize("latent_frames", [1, 2, 5])
def test_decoding_frame_by_frame_is_bit_identical(bare: Any, latent_frames: int) -> None:
    """Decoding one latent frame at a time equals the Wan decoder's own decode in every bit."""
    latents = torch.randn((1, 12, latent_frames, 8, 8), generator=torch.Generator().manual_seed(1))
    runs = list(decode_runs(bare.vae, latents))
    with torch.no_grad():
        whole = bare.vae.decode(latents, return_dict=False)[0]
    assert [run.shape[2] for run in runs] == [1] + [2] * (latent_frames - 1)
    assert torch.equal(torch.cat(runs, dim=2), whole)


def test_tiled_decoding_is_left_to_the_library(bare: Any) -> None:
    """A pipeline that decodes in tiles, or whose frames a guardrail checks, is not streamed."""
    pipe = SimpleNamespace(vae=copy(bare.vae))
    seam = AutoencoderSeam(pipe, streams=True)
    assert seam.streams
    pipe.vae.use_tiling = True
    assert not seam.streams
    pipe.vae.use_tiling = False
    pipe.safety_checker = object()
    assert not seam.streams


def test_previews_look_like_the_end(renderer: DiffusersRenderer) -> None:
    """The preview of a late step is close to the final frame: it is drawn from the clean estimate."""
    previews: list[bytes] = []

    def observe(report: StepReport) -> None:
        if report.preview is not None:
            previews.append(report.preview() or b"")

    request = replace(REQUEST, frames=1, steps=12)
    (final,) = np.concatenate(list(renderer.render(request, observe, lambda: False)))
    pictures = [np.asarray(Image.open(BytesIO(preview)).convert("RGB")).astype(float) for preview in previews]
    assert len(pictures) == 12
    first, last = (float(np.abs(picture - final).mean()) for picture in (pictures[0], pictures[-2]))
    assert last < first


def test_prompts_are_padded_as_the_model_was_trained(renderer: DiffusersRenderer, bare: Any) -> None:
    """Without a mask over the padding its length changes the pixels: the tokenizer's own length is used."""
    assert (rendered(renderer, REQUEST) != _bare(bare, REQUEST, max_sequence_length=64)).any()


def test_the_revision_follows_the_content(wan: Path, tmp_path: Path) -> None:
    """A copy has the same revision, a changed weight gives another, and a hub snapshot has that of its commit."""
    copy = shutil.copytree(wan, tmp_path / "copy")
    snapshot = shutil.copytree(wan, tmp_path / "snapshots" / ("0" * 40))
    revision = _revision(wan)
    assert _revision(copy) == revision
    assert _revision(snapshot) == "0" * 40
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert _revision(copy) != revision


def _revision(folder: Path) -> str:
    return DiffusersRenderer().load(ModelSource("wan", str(folder)), "cpu").revision


def _refusal(folder: Path) -> RenderFailed:
    with pytest.raises(RenderFailed) as refusal:
        DiffusersRenderer().load(ModelSource("wan", str(folder)), "cpu")
    assert not refusal.value.retryable
    return refusal.value


def test_damaged_folders_are_refused(wan: Path, tmp_path: Path) -> None:
    """A folder without an index, with a broken one or with a truncated weight file is refused with its own code."""
    empty = tmp_path / "empty"
    empty.mkdir()
    assert _refusal(empty).code == "MODEL_NOT_FOUND"
    broken = shutil.copytree(wan, tmp_path / "broken")
    (broken / "model_index.json").write_text("{")
    assert _refusal(broken).code == "MODEL_DAMAGED"
    cut = shutil.copytree(wan, tmp_path / "cut")
    (cut / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"\x08")
    assert _refusal(cut).code == "MODEL_DAMAGED"


def test_nothing_is_downloaded_by_the_renderer(tmp_path: Path) -> None:
    """A hub name that is not on this machine is refused without a request to the hub. The supervisor downloads."""
    source = ModelSource("far", "nobody/nothing", cache_folder=tmp_path)
    with pytest.raises(RenderFailed, match="run `kinolog models pull nobody/nothing`") as refusal:
        DiffusersRenderer().load(source, "cpu")
    assert refusal.value.code == "MODEL_NOT_FOUND"
    assert not refusal.value.retryable


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "nonsense:1"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    """A device is refused by name, instead of falling back to another one."""
    with pytest.raises(RenderFailed, match="device"):
        device_named(name)


def test_auto_is_no_cpu_where_a_gpu_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver has a GPU and CUDA finds none: it fell off the bus, or the driver does not fit. Jobs wait for it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "nvidiactl").touch()
    assert device_named("auto", tmp_path).type != "cuda"
    (tmp_path / "nvidia0").touch()
    with pytest.raises(RenderFailed, match=r"has a GPU \(nvidia0\), but CUDA does not find it") as missing:
        device_named("auto", tmp_path)
    assert (missing.value.code, missing.value.retryable) == ("DEVICE_MISSING", True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_named("auto", tmp_path).type != "cuda"


def test_the_embedded_model_needs_no_folder() -> None:
    """The source `embedded` is a folder of the package, and loads like any other."""
    facts = DiffusersRenderer().load(ModelSource("kinolog-tiny", EMBEDDED), "cpu")
    assert facts.revision == _revision(FOLDER)
    assert facts.size_bytes > 1_000_000
    assert facts.dtype == "float32"


def test_missing_weights_of_the_embedded_model_are_an_error(tmp_path: Path) -> None:
    """Without its weights the embedded model is refused; the message names the folder and the remedy."""
    with pytest.raises(RenderFailed, match="Reinstall the kinolog package") as refusal:
        embedded_folder(tmp_path / "kinolog-tiny")
    assert str(tmp_path / "kinolog-tiny") in refusal.value.message
    assert (refusal.value.code, refusal.value.retryable) == ("MODEL_NOT_FOUND", False)


def test_other_precisions_keep_the_autoencoder_exact(wan: Path) -> None:
    """With the network in bfloat16 the autoencoder stays in float32, and a scene has the requested size."""
    renderer = DiffusersRenderer()
    assert renderer.load(ModelSource("wan", str(wan), dtype="bfloat16"), "cpu").dtype == "bfloat16"
    pictures = rendered(renderer, REQUEST)
    assert pictures.shape == (7, 64, 64, 3)
    with pytest.raises(RenderFailed, match="dtype"):
        DiffusersRenderer().load(ModelSource("wan", str(wan), dtype="int3"), "cpu")


def test_building_twice_gives_the_same_bytes(wan: Path, tmp_path: Path) -> None:
    """The random weights depend on the code alone: two builds have the same files."""
    again = wan_folder(tmp_path / "again")
    names = sorted(path.relative_to(wan) for path in wan.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((wan / name).read_bytes() == (again / name).read_bytes() for name in names)
