"""The schedulers that a call steps: what they hold between two steps, and what they return in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import diffusers

from kinolog_worker.renderers.diffusers.step_reports import replaced_methods

_library: Any = diffusers  # untyped in part


class SteppedSchedulers:
    """The schedulers of a pipeline and the copies that its call makes of them, in the order of their first steps."""

    def __init__(self, replaced: Callable[[int, Any], Any], on_new_schedule: Callable[[], None]) -> None:
        """`replaced` is given the number of a step's call, from 0, and what it returned; it returns what it should.

        `on_new_schedule` is called before the timesteps of a scheduler are set.
        """
        self._replaced = replaced
        self._on_new_schedule = on_new_schedule
        self._stepped: list[Any] = []
        self.returned: list[Any] = []
        """What the calls of `step` returned since the last `begin_step`."""

    def begin_step(self) -> None:
        """Forget what the calls of the last step returned."""
        self.returned = []

    def begin_part(self) -> None:
        """Forget the schedulers that were stepped."""
        self._stepped = []

    def states(self) -> list[dict[str, Any]]:
        """Return what each scheduler holds, without its configuration."""
        return [
            {name: value for name, value in vars(scheduler).items() if name != "_internal_dict"}
            for scheduler in self._stepped
        ]

    def restore(self, states: Sequence[dict[str, Any]]) -> bool:
        """Let the schedulers hold what they held before. Return False if these are not as many."""
        for scheduler, state in zip(self._stepped, states, strict=False):
            vars(scheduler).update(state)
        return len(self._stepped) == len(states)

    @contextmanager
    def followed(self, pipe: Any) -> Iterator[None]:
        """Follow the schedulers of a pipeline, and their copies, in the block."""
        schedulers = [value for value in vars(pipe).values() if isinstance(value, _library.SchedulerMixin)]
        with ExitStack() as stack:
            for scheduler in schedulers:
                stack.enter_context(replaced_methods(scheduler, self._following))
            yield

    def _following(self, scheduler: Any) -> Mapping[str, Callable[..., Any]]:
        """Return the methods of a scheduler's class that are followed. Deep copies have them too."""

        def step(this: Any, *positional: Any, **named: Any) -> Any:
            if not any(known is this for known in self._stepped):
                self._stepped.append(this)
            result = self._replaced(len(self.returned), scheduler.step(this, *positional, **named))
            self.returned.append(result)
            return result

        def set_timesteps(this: Any, *positional: Any, **named: Any) -> Any:
            self._on_new_schedule()
            return scheduler.set_timesteps(this, *positional, **named)

        return {"step": step, "set_timesteps": set_timesteps}
