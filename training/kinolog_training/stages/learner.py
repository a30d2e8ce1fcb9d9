"""Muon for matrices and AdamW for the rest, with warm-up, a factor set by the run, and an average of the weights."""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonalised(update: Tensor, rounds: int = 5) -> Tensor:
    """Return the nearest semi-orthogonal matrix to update [rows, columns], by quintic Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = update.shape[0] > update.shape[1]
    x = update.T if tall else update
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.T if tall else x
    return result


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised steps. Parameters of more than two dimensions are flattened after the first."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # never called with a closure
        """Take one step; there is no closure."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                velocity = state["momentum"]
                velocity.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(velocity, group["momentum"])
                flat = orthogonalised(ahead.flatten(1))
                scale = max(1.0, flat.shape[0] / flat.shape[1]) ** 0.5
                parameter.add_(flat.view_as(parameter), alpha=-group["lr"] * scale)


class Learner:
    """A network, its two optimizers and the running average of its weights."""

    def __init__(
        self, network: nn.Module, matrix_lr: float, other_lr: float, not_matrices: tuple[str, ...] = ()
    ) -> None:
        self.network = network
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.steps = 0
        self.samples = 0
        matrices: list[Tensor] = []
        others: list[Tensor] = []
        for name, parameter in network.named_parameters():
            is_matrix = parameter.dim() >= 2 and min(parameter.shape[0], parameter[0].numel()) >= 16
            (matrices if is_matrix and not any(part in name for part in not_matrices) else others).append(
                parameter
            )
        self._optimizers: list[torch.optim.Optimizer] = [
            Muon(matrices, matrix_lr),
            torch.optim.AdamW(others, other_lr, betas=(0.9, 0.97), weight_decay=0.0),
        ]
        self._rates = (matrix_lr, other_lr)

    def learn(self, loss: Tensor, pace: float = 1.0, samples: int = 0) -> None:
        """Take one step down `loss`, at `pace` times the full learning rates and the warm-up factor."""
        self.network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        warm = min(1.0, (self.steps + 1) / 100)
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * pace * warm
            optimizer.step()
        self.steps += 1
        self.samples += samples
        self._update_average()

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(0.9985, (self.steps + 1) / (self.steps + 20))
        slow: list[Tensor] = list(self.average.parameters())
        fast: list[Tensor] = list(self.network.parameters())
        torch._foreach_lerp_(slow, fast, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "steps": self.steps,
            "samples": self.samples,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimizer, checkpoint in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(checkpoint)
        self.steps, self.samples = state["steps"], state["samples"]
