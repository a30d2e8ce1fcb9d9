"""The lines of a worker: one of its device, and one of each model that a server runs for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kinolog_worker.attempt.device_line import DeviceLine
from kinolog_worker.dependencies import WorkerDependencies


class WorkerLines:
    """Each ticket has a place in the line of its model class. A model with a line of its own has its class alone."""

    def __init__(self, dependencies: WorkerDependencies) -> None:
        served = [entry for entry in dependencies.catalogue if entry.name in dependencies.served]
        self.device = DeviceLine()
        self.servers: Mapping[str, DeviceLine] = {
            entry.model_class: DeviceLine(entry.files_at_once, has_device=False)
            for entry in served
            if entry.files_at_once
        }
        """The lines of models that servers run, by model class."""
        classes = (entry.model_class for entry in served if not entry.files_at_once)
        self.device_classes: Sequence[str] = list(dict.fromkeys(classes))
        """The classes of the models that use the device, each once."""

    def of_class(self, model_class: str) -> DeviceLine:
        """Return the line of the tickets of a class."""
        return self.servers.get(model_class, self.device)
