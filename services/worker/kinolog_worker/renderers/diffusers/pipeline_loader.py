"""Loads a pipeline onto a device.

Weights are read from safetensors only, code comes from the installed libraries only, and nothing is downloaded.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from kinolog.models.families import Family
from kinolog.models.hub.hub_model import MAIN, HubModel, default_cache, is_hub_name
from kinolog.models.hub.needed_files import DENOISER
from kinolog.models.hub.snapshots import local_snapshot
from kinolog.models.memory.needs import DENOISERS, ModelMemory, folder_memory
from kinolog.models.memory.placement import LOSSY, WeightPlacement
from kinolog.models.memory.weights import WeightsUnreadable
from kinolog.models.renderers import EMBEDDED
from kinolog_worker.renderers.diffusers.classes.noise_schedule import with_flow_shift
from kinolog_worker.renderers.diffusers.classes.repairs import repair
from kinolog_worker.renderers.diffusers.classes.single_file import single_file_network
from kinolog_worker.renderers.diffusers.device import device_named, hardware_of
from kinolog_worker.renderers.diffusers.embedded_model import embedded_folder
from kinolog_worker.renderers.diffusers.model_folder import (
    check_folder,
    family_of,
    index_name,
    network_classes,
    parts_of,
    weights_of,
)
from kinolog_worker.renderers.diffusers.modular.modular_loader import (
    has_autoencoder,
    load_modular,
    used_folders,
)
from kinolog_worker.renderers.diffusers.placement.out_of_memory import is_out_of_memory
from kinolog_worker.renderers.diffusers.placement.placed_networks import place
from kinolog_worker.renderers.diffusers.quantisation.block_quantiser import BlockQuantisation
from kinolog_worker.renderers.diffusers.quantisation.packages import package_version
from kinolog_worker.renderers.diffusers.quantisation.stored_weights import (
    check_packages,
    packages_of,
    prepare,
)
from kinolog_worker.renderers.renderer import LoadedFacts, ModelSource, RenderFailed

_library: Any = diffusers  # untyped in part, as is transformers
_transformers: Any = transformers
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class CheckedModel:
    """A model whose folder was checked and of which nothing is loaded yet."""

    model: ModelSource
    device: torch.device
    folder: Path
    family: Family
    dtype: torch.dtype

    @property
    def memory(self) -> ModelMemory:
        """What it needs of the device. Raises RenderFailed."""
        try:
            return folder_memory(
                self.folder,
                self.family,
                weight_bytes=self.dtype.itemsize,
                vae_dtype=self._stated_vae_dtype,
                parts=self._parts,
                denoiser=self.model.weights,
            )
        except WeightsUnreadable as error:
            raise RenderFailed("MODEL_DAMAGED", str(error), retryable=False) from error

    @cached_property
    def quantised_by(self) -> frozenset[str]:
        """The packages that have quantised weights of the folder."""
        return packages_of(self.folder, self._parts)

    @property
    def _parts(self) -> frozenset[str] | None:
        """The sub-folders that are loaded, None for all."""
        if not self.family.modular:
            return None
        parts = parts_of(self.folder)
        return used_folders(self.family, parts, has_autoencoder=has_autoencoder(self.folder, parts))

    @property
    def _stated_vae_dtype(self) -> str:
        stated = self.model.options.get("vae_dtype")
        if stated is None and self.dtype is not torch.float32:
            return ""  # that of the family
        return str(stated or "float32")


def checked_model(model: ModelSource, device_name: str) -> CheckedModel:
    """Return a model whose folder is safe and whose class is known. Raises RenderFailed."""
    _silence()
    device = device_named(device_name)
    folder = _folder_of(model)
    check_folder(folder, frozenset(name for name in dir(_library.pipelines) if not name.startswith("_")))
    checked = CheckedModel(
        model=model, device=device, folder=folder, family=family_of(folder), dtype=_dtype_for(model, device)
    )
    check_packages(model.name, checked.quantised_by, device)
    return checked


def load_pipeline(checked: CheckedModel, weights: WeightPlacement = WeightPlacement.DEVICE) -> Any:
    """Return the pipeline with its networks in their places.

    Raises RenderFailed, and whatever torch raises when memory runs out. Options of the model: `vae_dtype` (default that
    of the family; `float32` where all is), `flow_shift` (default that of the folder's scheduler).
    """
    model, family = checked.model, checked.family
    prepare(model.name, checked.quantised_by)
    try:
        quantisation = BlockQuantisation(weights, checked.device) if weights in LOSSY else None
        pipe = _loaded(checked, _dtypes(model, family, checked.dtype), quantisation)
        place(pipe, weights, checked.device)
    except (OSError, ValueError, ImportError, AttributeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise RenderFailed(
            "MODEL_DAMAGED", f"{model.name} cannot be loaded: {str(error)[:300]}", retryable=False
        ) from error
    pipe.set_progress_bar_config(disable=True)
    if family.compiled and checked.device.type == "cuda":
        pipe.transformer.compile_repeated_blocks()
    _check_guardrail(pipe, family, checked.folder)
    if family.tiling:
        pipe.vae.enable_tiling()
    repair(pipe)
    if (shift := model.options.get("flow_shift")) is not None:
        pipe.scheduler = with_flow_shift(pipe.scheduler, shift)
    return pipe


def facts_of(checked: CheckedModel, pipe: Any, revision: str, seconds: float) -> LoadedFacts:
    """Return the facts about a pipeline of this revision that took so many seconds to load."""
    return LoadedFacts(
        revision=revision,
        libraries={
            **library_versions(),
            **{package: package_version(package) for package in sorted(checked.quantised_by)},
        },
        device=str(checked.device),
        hardware=hardware_of(checked.device),
        dtype=str(checked.dtype).removeprefix("torch."),
        scheduler=type(pipe.scheduler).__name__ if getattr(pipe, "scheduler", None) is not None else "",
        options={name: str(value) for name, value in sorted(checked.model.options.items())},
        seconds=seconds,
        size_bytes=sum(path.stat().st_size for path in _weight_files(checked)),
    )


def _weight_files(checked: CheckedModel) -> list[Path]:
    weights = checked.model.weights
    if weights is None:
        return weights_of(checked.folder)
    others = [path for path in weights_of(checked.folder) if path.parent.name != DENOISER]
    return [*others, weights]


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that shape the pixels."""
    return {
        "diffusers": diffusers.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _folder_of(model: ModelSource) -> Path:
    """Return the folder with the model's files. Nothing is downloaded here: the supervisor does that."""
    if model.location == EMBEDDED:
        return embedded_folder()
    if Path(model.location).is_dir():
        return Path(model.location)
    if not is_hub_name(model.location):
        raise RenderFailed("MODEL_NOT_FOUND", f"there is no folder {model.location}", retryable=False)
    folder = local_snapshot(
        HubModel(
            name=model.location,
            revision=model.revision or MAIN,
            cache=model.cache_folder or default_cache(),
            without=(DENOISER,) if model.weights else (),
        )
    )
    if folder is None:
        raise RenderFailed(
            "MODEL_NOT_FOUND",
            f"{model.location} is not whole on this machine; run `kinolog models pull {model.location}`",
            retryable=False,
        )
    return folder


def _dtype_for(model: ModelSource, device: torch.device) -> torch.dtype:
    if model.dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if model.dtype not in _DTYPES:
        raise RenderFailed("MODEL_UNSUPPORTED", f"there is no dtype {model.dtype}", retryable=False)
    return _DTYPES[model.dtype]


def _loaded(
    checked: CheckedModel,
    dtypes: torch.dtype | dict[str, torch.dtype],
    quantisation: BlockQuantisation | None,
) -> Any:
    """Return the pipeline on the CPU, but for layers that are quantised as they are read."""
    folder, family, weights = checked.folder, checked.family, checked.model.weights
    given = {}
    if weights is not None:
        given[DENOISER] = single_file_network(folder, family, weights, checked.dtype)
    if family.modular:
        return load_modular(folder, family, parts_of(folder), dtypes, quantisation)
    if quantisation is not None:
        for name, kind in network_classes(folder, DENOISERS).items():
            if name not in given:
                given[name] = getattr(_library, kind).from_pretrained(
                    folder,
                    subfolder=name,
                    dtype=checked.dtype,
                    use_safetensors=True,
                    local_files_only=True,
                    quantization_config=quantisation,
                )
    # The class itself: its base takes no parts that the class may do without, as Wan may without one of two denoisers.
    return getattr(_library, family.pipeline).from_pretrained(
        folder, dtype=dtypes, use_safetensors=True, local_files_only=True, **given
    )


def _check_guardrail(pipe: Any, family: Family, folder: Path) -> None:
    """Raise RenderFailed for a folder that turns off the guardrail which its family is drawn with."""
    if family.guardrail and getattr(pipe, "safety_checker", None) is None:
        raise RenderFailed(
            "MODEL_UNSAFE",
            f"the folder turns off the guardrail of {family.pipeline}, which its licence forbids: "
            f"set enable_safety_checker to true in its {index_name(folder)}",
            retryable=False,
        )


def _dtypes(model: ModelSource, family: Family, dtype: torch.dtype) -> torch.dtype | dict[str, torch.dtype]:
    """Return the dtype of all components, with another for the autoencoder, where rounding is visible most."""
    vae_dtype = model.options.get("vae_dtype")
    if vae_dtype is None:
        return dtype if dtype is torch.float32 else {"default": dtype, "vae": _DTYPES[family.vae_dtype]}
    if vae_dtype not in _DTYPES:
        raise RenderFailed("MODEL_UNSUPPORTED", f"there is no dtype {vae_dtype}", retryable=False)
    return {"default": dtype, "vae": _DTYPES[str(vae_dtype)]}


def _silence() -> None:
    """Turn off progress bars, warnings and handlers of the libraries: their errors reach the handler of the process."""
    for library in (_library, _transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_default_handler()
        library.utils.logging.enable_propagation()


def is_wan_autoencoder(vae: object) -> bool:
    """Return True for an autoencoder that can decode one latent frame after the other."""
    return isinstance(vae, _library.AutoencoderKLWan)
