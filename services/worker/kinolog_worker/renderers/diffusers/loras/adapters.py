"""The adapters of a loaded pipeline. They are put beside its weights, which never change (decision 91)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from typing import Any

import torch

from kinolog.models.memory.needs import DENOISERS
from kinolog_worker.renderers.diffusers.loras.lora_file import LoraFile
from kinolog_worker.renderers.diffusers.loras.weight_pairs import (
    LoraUnsuitable,
    LoraWeights,
    layer_of,
    read_weights,
)
from kinolog_worker.renderers.diffusers.placement.out_of_memory import is_out_of_memory
from kinolog_worker.renderers.diffusers.quantisation.packages import quiet_imports
from kinolog_worker.renderers.renderer import RenderFailed

PACKAGE = "peft"


class LoraAdapters:
    """The LoRAs that change one pipeline now."""

    def __init__(self, pipe: Any, forget_prompts: Callable[[], None]) -> None:
        """`forget_prompts` is called as a network changes that works on prompts."""
        self._pipe = pipe
        self._forget_prompts = forget_prompts
        self._loaded: dict[str, tuple[str, ...]] = {}
        """The networks that each adapter changes, by the name of the adapter."""
        self._weights: dict[str, float] = {}
        self._unfrozen: dict[str, list[torch.nn.Parameter]] = {}
        """The parameters of each changed network that took gradients before. peft freezes them, and torch may compute a
        layer in another way then, with other last bits."""

    def follow(self, files: Sequence[LoraFile]) -> None:
        """Let these LoRAs change the pipeline, and no others. Those that changed it before are not read again.

        Raises RenderFailed, and whatever torch raises when memory runs out. No LoRA changes the pipeline then.
        """
        wanted = {_adapter_name(file): file for file in files}
        weights = {name: file.source.weight for name, file in wanted.items()}
        if weights == self._weights:
            return
        try:
            self._remove(self._loaded.keys() - wanted.keys())
            for name, file in wanted.items():
                if name not in self._loaded:
                    self._load(name, file)
            self._activate(weights)
        except BaseException:
            self._clear()
            raise

    def _load(self, name: str, file: LoraFile) -> None:
        if find_spec(PACKAGE) is None:
            problem = f"LoRAs need the package {PACKAGE}; install kinolog[worker] on this worker"
            raise RenderFailed("PACKAGE_MISSING", problem, retryable=False)
        try:
            weights = read_weights(self._pipe, file.path, file.source.network)
            self._loaded[name] = tuple(weights.networks)
            for network in weights.networks:
                self._add(name, network, weights)
        except LoraUnsuitable as error:
            raise _unsuitable(file, str(error)) from error
        except Exception as error:  # the libraries raise any
            if is_out_of_memory(error):
                raise
            raise _unsuitable(file, f"{type(error).__name__}: {str(error)[:200]}") from error

    def _add(self, name: str, network: str, weights: LoraWeights) -> None:
        """Put an adapter beside the weights of a network."""
        tensors, changed = weights.networks[network], getattr(self._pipe, network)
        self._unfrozen.setdefault(network, [each for each in changed.parameters() if each.requires_grad])
        with quiet_imports(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about adapters that are there already
            changed.load_lora_adapter(
                dict(tensors),
                prefix=weights.prefixes[network],
                adapter_name=name,
                metadata=weights.metadata,
                network_alphas=weights.alphas,
                low_cpu_mem_usage=True,
                _pipeline=self._pipe,
            )
        _keep_precision(changed, name, tensors)
        missing = {layer_of(each) for each in tensors} - set(_layers_with(changed, name))
        if missing:
            raise LoraUnsuitable(
                f"{len(missing)} layers of {network} did not take it, such as {min(missing)}"
            )
        if not network.startswith(DENOISERS):
            self._forget_prompts()

    def _activate(self, weights: Mapping[str, float]) -> None:
        """Give each adapter its weight."""
        for network in self._changed_networks():
            names = [name for name in weights if network in self._loaded[name]]
            getattr(self._pipe, network).set_adapters(names, [weights[name] for name in names])
        self._weights = dict(weights)

    def _remove(self, names: set[str]) -> None:
        """Remove adapters. A network without any has the layers again that it was loaded with."""
        for name in names:
            for network in self._loaded.pop(name):
                getattr(self._pipe, network).delete_adapters(name)
                self._restore(network)

    def _clear(self) -> None:
        """Remove all adapters, also those that were loaded in part."""
        networks = self._changed_networks()
        self._loaded.clear()
        self._weights.clear()
        for network in networks:
            self._restore(network)

    def _restore(self, network: str) -> None:
        if network not in self._changed_networks():
            getattr(self._pipe, network).unload_lora()
            for parameter in self._unfrozen.pop(network, ()):
                parameter.requires_grad_(True)
        if not network.startswith(DENOISERS):
            self._forget_prompts()

    def _changed_networks(self) -> set[str]:
        return {network for networks in self._loaded.values() for network in networks}


def _adapter_name(file: LoraFile) -> str:
    """Return a name that no other LoRA has, and that may be that of a module."""
    text = f"{file.source.name} {file.source.network} {file.sha256}"
    return f"a{sha256(text.encode()).hexdigest()[:16]}"


def _layers_with(network: Any, adapter: str) -> Iterator[str]:
    for name, layer in network.named_modules():
        if adapter in getattr(layer, "lora_A", ()):
            yield name


def _keep_precision(network: Any, adapter: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give an adapter its weights again where the library rounded them to 8 bits, as the base beside it has."""
    for name, tensor in tensors.items():
        kind = "lora_A" if ".lora_A." in name else "lora_B"
        layer = getattr(network.get_submodule(layer_of(name)), kind)[adapter]
        if name.endswith(".weight") and layer.weight.dtype.itemsize == 1:
            layer.weight.data = tensor.to(layer.weight.device)


def _unsuitable(file: LoraFile, problem: str) -> RenderFailed:
    return RenderFailed("LORA_UNSUITABLE", f"LoRA {file.source.name}: {problem}", retryable=False)
