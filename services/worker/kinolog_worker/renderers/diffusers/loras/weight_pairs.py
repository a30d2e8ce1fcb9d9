"""The weights of a LoRA for one pipeline: each pair of them belongs to a layer, and has its shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import utils
from safetensors import SafetensorError, safe_open

from kinolog.counts import counted
from kinolog.models.memory.needs import ENCODERS
from kinolog_worker.renderers.diffusers.placement.out_of_memory import is_out_of_memory

_utils: Any = utils  # untyped in part
_PARTS = (".lora_A.", ".lora_B.")
_OTHER_FORMS = {
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "lokr_": "LoKr",
    "hada_": "LoHa",
    "oft_": "OFT",
}
"""Adapters of other kinds, by what the names of their weights have."""


class LoraUnsuitable(Exception):
    """A LoRA cannot change this pipeline. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraWeights:
    """The weights of a LoRA, by the names of the networks that they change: what a network loads.

    Names of weights start with that of a network in the file, `prefixes`, which is that of another one where a
    second network of the same kind is changed.
    """

    networks: Mapping[str, Mapping[str, torch.Tensor]]
    prefixes: Mapping[str, str]
    metadata: Any = None
    alphas: Any = field(default=None)


def read_weights(pipe: Any, path: Path, network: str) -> LoraWeights:
    """Return the weights of a file for a pipeline. `network` is the one that those of the denoiser change.

    Raises LoraUnsuitable for a file that is damaged, has weights without a place, or is no LoRA.
    """
    try:
        with safe_open(path, framework="pt") as file:
            _check_form(list(file.keys()))
        found = pipe.lora_state_dict(
            str(path), use_safetensors=True, local_files_only=True, return_lora_metadata=True
        )
    except (SafetensorError, OSError) as error:
        raise LoraUnsuitable(f"{path.name} is damaged: {str(error)[:200]}") from error
    except LoraUnsuitable:
        raise
    except Exception as error:  # the converters of the library raise whatever a strange name leads to
        if is_out_of_memory(error):
            raise
        raise LoraUnsuitable(f"{path.name} is no LoRA of this pipeline: {str(error)[:200]}") from error
    state, *alphas, metadata = found
    if not all(any(part in name for part in _PARTS) for name in state):
        state = _utils.convert_unet_state_dict_to_peft(state)
    networks: dict[str, dict[str, torch.Tensor]] = {}
    prefixes: dict[str, str] = {}
    for name, tensor in state.items():
        prefix = name.partition(".")[0]
        changed = network if prefix == pipe_denoiser(pipe, network) else prefix
        prefixes[changed] = prefix
        networks.setdefault(changed, {})[name] = tensor
    _check_networks(pipe, networks, len(state))
    for changed, tensors in networks.items():
        _check_places(getattr(pipe, changed), changed, tensors)
    return LoraWeights(
        networks={
            changed: _in_dtype_of(getattr(pipe, changed), tensors) for changed, tensors in networks.items()
        },
        prefixes=prefixes,
        metadata=metadata or None,
        alphas=alphas[0] if alphas else None,
    )


def pipe_denoiser(pipe: Any, network: str) -> str:
    """Return the name of the network in files: that of the first one, where there are two of a kind."""
    first = network.removesuffix("_2")
    return first if first in pipe._lora_loadable_modules else network


def layer_of(name: str) -> str:
    """Return the layer that a weight belongs to, without the name of its network."""
    for part in _PARTS:
        if part in name:
            return name.partition(part)[0].partition(".")[2]
    raise LoraUnsuitable(f"{name} is no weight of a LoRA")


def _check_form(names: list[str]) -> None:
    """Raise LoraUnsuitable for a file without weights, or with those of another kind of adapter."""
    if not names:
        raise LoraUnsuitable("its file holds no weights")
    for sign, form in _OTHER_FORMS.items():
        if any(sign in name for name in names):
            raise LoraUnsuitable(f"it is a {form}, which kinolog does not load")


def _check_networks(pipe: Any, networks: Mapping[str, Mapping[str, torch.Tensor]], count: int) -> None:
    for name, tensors in networks.items():
        if name.startswith(ENCODERS):
            raise LoraUnsuitable(f"it changes {name}; kinolog changes no text encoder")
        known = name.removesuffix("_2") in pipe._lora_loadable_modules
        if not known or getattr(pipe, name, None) is None:
            first = next(iter(tensors))
            problem = f"{len(tensors)} of its {counted(count, 'weight')} belong to no network of {type(pipe).__name__}"
            raise LoraUnsuitable(f"{problem}, such as {first}")


def _check_places(network: Any, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise LoraUnsuitable unless each weight belongs to a layer, has its shape, and is not alone."""
    layers = dict(network.named_modules())
    strange = [each for each in tensors if layer_of(each) not in layers]
    if strange:
        problem = f"{len(strange)} of its {counted(len(tensors), 'weight')} have no place in {name}"
        raise LoraUnsuitable(f"{problem}, such as {strange[0]}")
    downs, ups = ({layer_of(each) for each in tensors if each.endswith(f"{part}weight")} for part in _PARTS)
    if alone := downs ^ ups:
        raise LoraUnsuitable(
            f"{counted(len(alone), 'layer')} of {name} with half of a pair, such as {min(alone)}"
        )
    for each, tensor in tensors.items():
        layer = layers[layer_of(each)]
        base = _shape(getattr(layer, "base_layer", layer))
        if not base or tensor.ndim < 2:
            continue
        side = 1 if ".lora_A." in each else 0
        if tensor.shape[side] != base[side]:
            sides = f"{tensor.shape[side]}, and the layer {base[side]}"
            raise LoraUnsuitable(f"it was made for a {name} of another size: {each} has a side of {sides}")


def _shape(layer: Any) -> tuple[int, ...]:
    """Return the shape of a layer's weights, of which quantised ones have another in memory; empty without any."""
    if isinstance(layer, torch.nn.Linear):
        return layer.out_features, layer.in_features
    return tuple(getattr(getattr(layer, "weight", None), "shape", ()))


def _in_dtype_of(network: Any, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name: tensor.to(network.dtype) if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
