"""What a start needs of this machine: the devices of the workers and the folders of the models. Without torch.

A worker would find the same out, but after everything else has started, and it would be restarted without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from kinolog.models.catalogue import Catalogue, load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.hub.needed_files import is_weight_file
from kinolog.process.settings import CatalogueSettings
from kinolog_stack.devices import detect_devices, gpus_can_be_counted
from kinolog_stack.errors import SettingError

_DEVICE = re.compile(r"(auto|cpu|mps|(cuda|xpu)(:\d{1,3})?)")


def check_devices(names: Iterable[str]) -> None:
    """Raise `SettingError` for a name that is no device, and for a GPU that this machine does not have."""
    detected = detect_devices()
    for name in names:
        if not _DEVICE.fullmatch(name):
            problem = f"{name!r} is not a device."
        elif gpus_can_be_counted() and name.startswith("cuda") and _first_gpu(name) not in detected:
            problem = f"this machine has no device {name}."
        else:
            continue
        raise SettingError(
            problem,
            f"Devices are auto, cpu, cuda:0, cuda:1, mps; here: {', '.join(detected)}. Correct --devices "
            "(KINOLOG_WORKER_DEVICES).",
        )


def _first_gpu(name: str) -> str:
    return "cuda:0" if name == "cuda" else name


def check_models() -> None:
    """Raise `SettingError` for a catalogue that cannot be read, and for a model without its folder."""
    try:
        missing = missing_folders(load_catalogue(CatalogueSettings()))
    except CatalogueError as error:
        raise SettingError(
            str(error), "Correct KINOLOG_CATALOGUE or KINOLOG_MODEL (docs/models.md)."
        ) from error
    if missing:
        raise SettingError(
            f"there is no {'file' if is_weight_file(missing[0]) else 'folder'} {missing[0]} for a model.",
            "Put the weights there, or correct KINOLOG_MODEL or KINOLOG_CATALOGUE (docs/models.md).",
        )


def missing_folders(catalogue: Catalogue) -> list[str]:
    """Return the sources that are written as folders or files and are none. Other sources are names in a hub."""
    files = [entry.source for entry in catalogue if entry.base]
    folders = [entry.pipeline_source for entry in catalogue]
    return [
        *(file for file in files if not Path(file).is_file()),
        *(one for one in folders if one.startswith(("/", ".", "~")) and not Path(one).is_dir()),
    ]
