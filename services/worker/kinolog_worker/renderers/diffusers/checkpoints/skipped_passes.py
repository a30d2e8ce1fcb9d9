"""Passes of a network that are left out: their results are not used, but have to have the right form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import torch

from kinolog_worker.renderers.diffusers.checkpoints.nested_values import tensors_in

_NETWORKS = ("transformer", "transformer_2", "unet", "controlnet")


class PassForms:
    """The forms of what the networks of a pipeline return: which shapes and types, by those of the arguments."""

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        """`known` are forms that were seen earlier, as JSON."""
        self.known = dict(known or {})
        self.skips = False
        """Whether passes of known forms are left out, and return zeros."""

    @contextmanager
    def followed(self, pipe: Any) -> Iterator[None]:
        """Look at the passes of the block."""
        with ExitStack() as stack:
            for name in _NETWORKS:
                network = getattr(pipe, name, None)
                # The whole of a compiled network is one call.
                if isinstance(network, torch.nn.Module) and network._compiled_call_impl is None:
                    stack.enter_context(self._followed(name, network))
            yield

    @contextmanager
    def _followed(self, name: str, network: Any) -> Iterator[None]:
        original, own = network.forward, "forward" in vars(network)

        @wraps(original)  # `__call__` of some pipelines looks at the parameters of `forward`
        def forward(*positional: Any, **named: Any) -> Any:
            key = f"{name}({_form_of_arguments((positional, named))})"
            if self.skips and key in self.known:
                return _zeros(self.known[key], _device_of((positional, named), network))
            result = original(*positional, **named)
            if key not in self.known:
                self.known[key] = _form(result)
            return result

        network.forward = forward
        try:
            yield
        finally:
            if own:
                network.forward = original
            else:
                del network.forward


class SkippedOutput(dict[str, Any]):
    """An output of a skipped pass. Like those of diffusers it has its values as entries, attributes and places."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else tuple(self.values())[key]


def _form_of_arguments(value: Any) -> str:
    """Return the shapes and types of tensors in arguments, and of everything else its type."""
    if isinstance(value, torch.Tensor):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_form_of_arguments, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{_form_of_arguments(item)}' for name, item in value.items())}}}"
    return str(value) if isinstance(value, bool) else type(value).__name__


def _form(value: Any) -> Any:
    """Return the form of a result as JSON; None for whatever is no tensor."""
    if isinstance(value, torch.Tensor):
        return {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    if isinstance(value, list | tuple):
        return [_form(item) for item in value]
    if isinstance(value, Mapping):
        return {"entries": {name: _form(item) for name, item in value.items()}}
    return None


def _zeros(form: Any, device: torch.device) -> Any:
    """Return zeros in this form."""
    if isinstance(form, list):
        return tuple(_zeros(item, device) for item in form)
    if isinstance(form, dict) and "entries" in form:
        return SkippedOutput({name: _zeros(item, device) for name, item in form["entries"].items()})
    if isinstance(form, dict):
        return torch.zeros(form["shape"], dtype=getattr(torch, form["dtype"]), device=device)
    return None


def _device_of(arguments: Any, network: torch.nn.Module) -> torch.device:
    """Return the device of the first tensor among arguments."""
    found = next(tensors_in(arguments), None)
    return next(network.parameters()).device if found is None else found.device
