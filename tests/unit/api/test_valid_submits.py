"""Valid requests for jobs that are remembered: the rules say the same of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinolog_api.rpc import validation
from kinolog_api.rpc.validation import RequestRules, ValidSubmits

from buf.validate import validate_pb2
from kinolog.v1 import job_service_pb2 as pb

OTHER_RULES = {
    "submit.seeds_of_variants": "this.seed <= 9007199254740992 - int(this.variants) && "
    "this.scenes.all(scene, scene.seed <= 9007199254740992 - int(this.variants))",
    "submit.id_of_variants": "this.variants < 2 || this.request_id.size() <= 116",
    "submit.id_beginning": "!has(this.earlier_tries) || this.request_id.size() <= 64",
    "submit.prompt": "this.scenes.size() > 0 || this.prompt.matches('[^[:space:]]')",
}
"""Rules of the whole message that read one of the fields that are not remembered."""

prompts = st.sampled_from(
    ["a fox", "a\tfox\nruns", "", " ", "\u3000", "a \x1b fox", "a \u202e fox", "x" * 4_000, "x" * 4_001]
)
request_ids = st.sampled_from(
    ["", "r1", "a b", "é", "r" * 64, "r" * 65, "r" * 116, "r" * 117, "r" * 128, "r" * 129]
)
seeds = st.sampled_from([None, -1, 0, 7, 2**32 - 1, 2**32, 2**53 - 8, 2**53 - 1, 2**53])


@st.composite
def submits(draw: st.DrawFn) -> pb.SubmitJobRequest:
    """Return a request, valid or not."""
    fields: dict[str, Any] = {"prompt": draw(prompts), "request_id": draw(request_ids)}
    seed = draw(seeds)
    if seed is not None:
        fields["seed"] = seed
    others = {
        "earlier_tries": st.sampled_from([0, 1, 1_001]),
        "variants": st.sampled_from([1, 2, 8, 9]),
        "frames": st.sampled_from([0, 1, 17]),
        "title": st.sampled_from(["a title", "a\ntitle"]),
        "scenes": st.just([pb.SceneRequest(prompt="a fox")]),
    }
    for name in draw(st.sets(st.sampled_from(sorted(others)), max_size=2)):
        fields[name] = draw(others[name])
    return pb.SubmitJobRequest(**fields)


@given(requests=st.lists(submits(), min_size=2, max_size=20))
@settings(deadline=None, max_examples=60)
def test_what_is_remembered_changes_no_verdict(requests: list[pb.SubmitJobRequest]) -> None:
    """Requests after each other have the violations that each has by itself."""
    rules = RequestRules()
    for request in requests:
        assert rules.violations(request) == RequestRules().violations(request)


def test_the_rules_of_the_other_fields_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that differ in prompt, id and seed alone are checked by the rules of all fields once."""
    checked: list[str] = []
    whole = validation._violations

    def counted(request: pb.SubmitJobRequest) -> Any:
        checked.append(request.prompt)
        return whole(request)

    monkeypatch.setattr(validation, "_violations", counted)
    rules = RequestRules()
    for number in range(3):
        rules.check(
            pb.SubmitJobRequest(prompt=f"fox {number}", request_id=f"r{number}", seed=number, frames=17)
        )
    rules.check(pb.SubmitJobRequest(prompt="fox 3", frames=18))
    assert checked == ["fox 0", "fox 3"]


def test_a_request_without_a_prompt_is_not_remembered() -> None:
    """One whose scenes have the prompts says nothing about requests with a prompt."""
    submits = ValidSubmits()
    scenes = [pb.SceneRequest(prompt="a fox")]
    submits.add(pb.SubmitJobRequest(scenes=scenes))
    assert not submits.include(pb.SubmitJobRequest(prompt="a fox", scenes=scenes))


def test_the_rules_that_read_the_other_fields_are_known() -> None:
    """A new rule about prompt, id or seed fails here: `ValidSubmits` has to know it."""
    descriptor = pb.SubmitJobRequest.DESCRIPTOR
    message_rules = descriptor.GetOptions().Extensions[validate_pb2.message].cel
    found = {
        rule.id: rule.expression
        for rule in message_rules
        if any(f"this.{name}" in rule.expression for name in ("prompt", "request_id", "seed"))
    }
    assert found == OTHER_RULES
    fields = {
        name: str(descriptor.fields_by_name[name].GetOptions().Extensions[validate_pb2.field]).split()
        for name in ("prompt", "request_id", "seed")
    }
    assert fields["request_id"] == ["string", "{", "max_len:", "128", "pattern:", '"^[A-Za-z0-9._:-]*$"', "}"]
    assert fields["seed"] == ["int64", "{", "lte:", "9007199254740991", "gte:", "0", "}"]
    assert "this.size() <= 4000" in " ".join(fields["prompt"])
