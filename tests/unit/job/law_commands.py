"""Commands that the laws of a job are tested with, by who sends them."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import strategies as st

from kinolog.job import commands as c
from tests.strategies import (
    START,
    artifacts,
    checkpoints,
    compared_originals,
    errors,
    maybe_scene,
    media,
    numbers,
    priorities,
    runtimes,
    sealed,
    seconds,
    stages,
    times,
)

Arguments: TypeAlias = st.SearchStrategy[dict[str, Any]]
"""Arguments of a command besides its id, actor and attempt."""

marks = st.builds(
    c.StageMark, stage=stages, scene=maybe_scene, at=st.just(START) | times, seconds=st.none() | seconds
)
CLIENT_COMMANDS: dict[type[c.Command], Arguments] = {
    c.Cancel: st.fixed_dictionaries({"reason": st.none() | sealed}),
    c.Retry: st.just({}),
    c.Reprioritize: st.fixed_dictionaries({"priority": priorities}),
    c.Pause: st.just({}),
    c.Resume: st.just({}),
    c.Prefetch: st.just({}),
    c.Erase: st.just({}),
    c.FinishErasure: st.fixed_dictionaries({"files": numbers, "sha256": st.just(("ab" * 32,))}),
    c.GiveUp: st.fixed_dictionaries({"error": errors}),
    c.Expire: st.just({}),
}
WORKER_COMMANDS: dict[type[c.Command], Arguments] = {
    c.FinishPrefetch: st.fixed_dictionaries({"assets": st.just(("weights",)), "size_bytes": numbers}),
    c.StartAttempt: st.fixed_dictionaries({"runtime": runtimes}),
}
AttemptCommand: TypeAlias = (
    c.RecordRuntime
    | c.RecordStages
    | c.RecordScene
    | c.RecordCheckpoint
    | c.Complete
    | c.FailAttempt
    | c.ConfirmCancel
)
ATTEMPT_COMMANDS: dict[type[AttemptCommand], Arguments] = {
    c.RecordRuntime: st.fixed_dictionaries({"runtime": runtimes}),
    c.RecordStages: st.fixed_dictionaries({"marks": st.lists(marks, min_size=1, max_size=4).map(tuple)}),
    c.RecordScene: st.fixed_dictionaries({"scene": st.integers(0, 4), "artifact": artifacts}),
    c.RecordCheckpoint: st.fixed_dictionaries({"checkpoint": checkpoints}),
    c.Complete: st.fixed_dictionaries(
        {
            "artifacts": artifacts.map(lambda made: (made,)),
            "media": media,
            "gpu_seconds": st.just(1.0),
            "compared": st.none() | compared_originals,
        }
    ),
    c.FailAttempt: st.fixed_dictionaries(
        {"error": errors, "retry_at": st.just(START) | times, "percent": st.floats(0.0, 100.0)}
    ),
    c.ConfirmCancel: st.fixed_dictionaries({"percent": st.floats(0.0, 100.0)}),
}
LAW_COMMANDS: frozenset[type] = frozenset({c.Submit, *CLIENT_COMMANDS, *WORKER_COMMANDS, *ATTEMPT_COMMANDS})
"""Commands that the laws are tested with; test_state_machine.py holds them to the union `Command`."""
