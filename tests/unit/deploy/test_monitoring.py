"""Alert rules and dashboard: each query parses, and asks for metrics and labels that the processes serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from deploy.make_env import PASSWORDS
from tests.fixtures.compose_services import read_compose
from tests.fixtures.metric_table import documented, family_of

FOLDER = Path(__file__).parents[3] / "deploy" / "monitoring"
ADDED = frozenset({"job", "instance", "le"})
"""Labels that Prometheus adds, and that of histograms."""
OF_PROMETHEUS = {"up"}
SAME_EVERYWHERE = {"kinolog_alarm", "kinolog_queue_jobs", "kinolog_queue_oldest_seconds"}
"""Metrics that every process of a kind serves alike: two projectors count the same jobs."""


def _rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def _panels() -> list[dict[str, Any]]:
    loaded: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    return [panel for panel in loaded["panels"] if panel["type"] != "row"]


QUERIES = {rule["alert"]: rule["expr"] for rule in _rules()} | {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in _panels()
    for target in panel["targets"]
}


def _parts(expression: Any) -> Iterator[Any]:
    """Yield an expression and those that it consists of."""
    yield expression
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        part = getattr(expression, name, None)
        if isinstance(part, promql_parser.Expr):
            yield from _parts(part)
    for part in getattr(expression, "args", None) or ():
        yield from _parts(part)


def _counted_twice(expression: Any) -> Iterator[str]:
    """Yield metrics of which the samples of several processes are taken for different ones."""
    for part in _parts(expression):
        inner = getattr(part, "expr", None)
        if isinstance(inner, promql_parser.VectorSelector) and inner.name in SAME_EVERYWHERE:
            is_max = isinstance(part, promql_parser.AggregateExpr) and str(part.op) == "max"
            if not is_max:
                yield f"{inner.name} is the same in several processes: take its max by labels"


def problems(query: str) -> list[str]:
    """Return what is wrong with a query. Raises ValueError if it is none."""
    known = documented()
    kinds = {name: family.kind for name, family in known.items()}
    found: list[str] = []
    labels, asked = set(ADDED), set[str]()
    for part in _parts(promql_parser.parse(query)):
        if isinstance(part, promql_parser.VectorSelector):
            assert part.name is not None, query
            family = family_of(part.name, kinds)
            matched = {matcher.name for matcher in part.matchers.matchers}
            if part.name in OF_PROMETHEUS:
                own = ADDED
            elif family not in known:
                found.append(f"there is no metric {part.name}")
                continue
            else:
                own = known[family].labels | ADDED
                if family != part.name and "rate(" not in query and "increase(" not in query:
                    found.append(f"{part.name} without a rate")
            found += [f"{part.name} has no label {name}" for name in sorted(matched - own)]
            labels |= own
        modifier = getattr(part, "modifier", None)
        if isinstance(part, promql_parser.AggregateExpr) and modifier is not None:
            asked |= set(modifier.labels)
    found += _counted_twice(promql_parser.parse(query))
    return found + [f"nothing has the label {name}" for name in sorted(asked - labels)]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_asks_for_what_is_served(query: str) -> None:
    """It parses, and its metrics and labels are in the table of docs/monitoring.md."""
    assert problems(query) == []


def test_wrong_queries_are_noticed() -> None:
    """A misspelt metric or label, a label that nothing has, and what is no query."""
    assert problems("max(kinolog_queue_job)") == ["there is no metric kinolog_queue_job"]
    assert problems('max(kinolog_queue_jobs{user="x"})') == ["kinolog_queue_jobs has no label user"]
    assert problems("max by (model) (kinolog_queue_jobs)") == ["nothing has the label model"]
    assert problems("sum(kinolog_alarm) or vector(0)") == [
        "kinolog_alarm is the same in several processes: take its max by labels"
    ]
    assert problems("sum(max by (tenant) (kinolog_queue_jobs))") == []
    assert problems("max(kinolog_log_append_seconds_bucket)") == [
        "kinolog_log_append_seconds_bucket without a rate"
    ]
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        promql_parser.parse("sum(kinolog_queue_jobs")


def test_each_alert_says_what_to_do() -> None:
    """A severity, how long it must hold, a summary and an action; names are unique and no label is empty."""
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names)
    for rule in _rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}, rule
        assert rule["annotations"]["summary"].endswith("."), rule
        assert rule["annotations"]["action"].endswith("."), rule
        assert rule["for"], rule


def test_the_panels_do_not_overlap() -> None:
    """Each panel has a place of its own within the width of a dashboard, and a unique id."""
    loaded = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    taken: dict[tuple[int, int], str] = {}
    for panel in loaded:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, (panel["title"], taken.get((x, y)))
                taken[x, y] = panel["title"]
    assert len({panel["id"] for panel in loaded}) == len(loaded)


def test_prometheus_scrapes_every_process_of_the_compose_file() -> None:
    """Each service that stays up and has metrics is scraped, at the port that its settings name."""
    services = read_compose(dict.fromkeys(PASSWORDS, "x" * 24))["services"]
    scraped: set[str] = set()
    for config in yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]:
        for group in config.get("static_configs", ()):
            scraped |= set(group["targets"])
        for group in config.get("dns_sd_configs", ()):
            scraped |= {f"{name}:{group['port']}" for name in group["names"]}
    expected = set()
    for name, service in services.items():
        ports = [
            value
            for variable, value in service.get("environment", {}).items()
            if variable.endswith(("_PROBE_PORT", "GATEWAY_PORT"))
        ]
        expected |= {f"{name}:{port}" for port in ports}
    assert scraped == expected
