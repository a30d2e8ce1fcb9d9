"""Hypothesis strategies for the domain: values, events and commands as wild as the types allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from hypothesis import strategies as st

from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.values import (
    Artifact,
    ArtifactKind,
    JobError,
    MediaFacts,
    Priority,
    Runtime,
    Scene,
    Sealed,
    Spec,
    Stage,
)

START = datetime(2026, 1, 1, tzinfo=UTC)

words = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-_.", max_size=12)
times = st.integers(0, 10**14).map(lambda micros: START + timedelta(microseconds=micros))
numbers = st.integers(0, 2**31 - 1)
seconds = st.floats(0, 1e6, allow_nan=False)
priorities = st.sampled_from(Priority)
stages = st.sampled_from(Stage)
maybe_scene = st.none() | st.integers(0, 9)
sealed = st.builds(Sealed, st.binary(min_size=12, max_size=12), st.binary(min_size=16, max_size=64))
artifacts = st.builds(Artifact, st.sampled_from(ArtifactKind), words, words, numbers, words)
errors = st.builds(JobError, words, st.text(max_size=30), st.booleans())
runtimes = st.builds(
    Runtime, words, words, st.dictionaries(words, words, max_size=3).map(lambda d: MappingProxyType(d))
)
specs = st.builds(
    Spec,
    prompt=sealed,
    negative_prompt=st.none() | sealed,
    model=words,
    model_class=words,
    width=numbers,
    height=numbers,
    frames=numbers,
    fps=numbers,
    steps=numbers,
    guidance=st.floats(0, 100),
    seed=st.integers(0, 2**53 - 1),
    style=words,
    webhook=st.none() | sealed,
)
media = st.builds(MediaFacts, numbers, numbers, numbers, seconds, seconds, words, words, words)


@st.composite
def scene_lists(draw: st.DrawFn, least: int = 0) -> tuple[Scene, ...]:
    """Scenes numbered from 0, none of them rendered."""
    count = draw(st.integers(least, 4))
    return tuple(
        Scene(
            index,
            draw(sealed),
            draw(seconds),
            draw(seconds),
            draw(numbers),
            draw(words),
            draw(words),
            draw(st.integers(0, 2**53 - 1)),
        )
        for index in range(count)
    )


submits = st.builds(
    c.Submit,
    id=words,
    actor=words,
    tenant=words,
    request_id=words,
    body_hash=st.binary(min_size=32, max_size=32),
    spec=specs,
    priority=priorities,
    max_attempts=st.integers(1, 4),
    scenes=scene_lists(),
    key_id=words,
)

events = st.one_of(
    st.builds(
        e.Submitted, times, specs, words, words, words, st.binary(max_size=32), priorities, numbers, words
    ),
    st.builds(e.Queued, times, numbers, priorities, st.none() | times),
    st.builds(e.StoryboardPlanned, times, scene_lists()),
    st.builds(e.PrefetchRequested, times, words),
    st.builds(e.PrefetchFinished, times, words, st.lists(words, max_size=3).map(tuple), numbers),
    st.builds(e.AttemptStarted, times, numbers, words, runtimes),
    st.builds(e.StageStarted, times, numbers, stages, maybe_scene),
    st.builds(e.StageFinished, times, numbers, stages, seconds, maybe_scene),
    st.builds(e.SceneRendered, times, numbers, numbers, artifacts),
    st.builds(e.AttemptFailed, times, numbers, errors),
    st.builds(e.CancelRequested, times, words, words),
    st.builds(e.Cancelled, times, numbers),
    st.builds(e.Reprioritized, times, priorities, words),
    st.builds(e.Completed, times, numbers, st.lists(artifacts, max_size=3).map(tuple), media, seconds),
    st.builds(e.Failed, times, numbers, errors),
    st.builds(e.Retried, times, words),
    st.builds(e.Erased, times, words),
)
