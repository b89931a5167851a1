"""Whatever a custom resource holds: an answer with a reason, never an error of ours."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from flagos_operator.api.crd import definition
from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.catalog.chips import load_chips
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.plan import Plan, decide
from flagos_operator.desired.render import render
from flagos_operator.observed.parse import model_facts
from flagos_operator.status.summary import Summary, summarize
from flagos_operator.status.view import View
from tests.unit.api.cases import CASES, EVERY_FIELD, RELEASES
from tests.unit.status.build import NOW

Body = dict[str, Any]

LARGEST_STATUS = 32_000  # bytes
CHIPS = load_chips(None)
DEFAULTS = Defaults(fetch_image="operator:1", registry_rewrite={}, fetch_env={})
KNOWN = [*CASES, *RELEASES, *EVERY_FIELD]

SCALARS = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.sampled_from([10**18, -(2**63), 1e308, -1e308, 0.5, "", "cpu", "1Gi", "/", "..", "{}"]),
    some.floats(allow_nan=False, allow_infinity=False),
    some.text(max_size=40),
    some.sampled_from(["é" * 5000, "\x00", "\u202e\u200b", "{0.__class__}", "%s", "$(X)", "-"]),
)
NAMES = some.one_of(some.text(max_size=12), some.sampled_from(["name", "spec", "type", "env"]))
ANYTHING = some.recursive(
    SCALARS,
    lambda inner: some.one_of(
        some.lists(inner, max_size=4), some.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=12,
)
SCHEMA = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


def test_nesting_as_deep_as_the_api_server_takes_it_is_refused():
    deep: Any = {}
    for _ in range(9_000):
        deep = {"a": deep}
    for spec in ({"pod": {"affinity": deep}}, {"unknown": deep}, {"server": {"env": [deep]}}):
        found = parse({"metadata": {"name": "m"}, "spec": KNOWN[3]["spec"] | spec})
        assert isinstance(found, Invalid)
        assert found.reason == "InvalidSpec"


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(some.fixed_dictionaries({}, optional={"metadata": ANYTHING, "spec": ANYTHING}))
def test_an_object_of_any_content_is_answered_with_a_reason(raw):
    _is_an_answer(_judged(raw))


@settings(
    max_examples=400,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(some.data())
def test_an_object_that_is_wrong_somewhere_is_answered_with_a_reason(data):
    raw = json.loads(json.dumps(data.draw(some.sampled_from(KNOWN))))
    for _ in range(data.draw(some.integers(1, 3))):
        _spoil(raw, data=data)
    _is_an_answer(_judged(raw))


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(
    some.sampled_from(KNOWN),
    some.one_of(
        ANYTHING,
        some.fixed_dictionaries(
            {}, optional=dict.fromkeys(SCHEMA["status"]["properties"], ANYTHING)
        ),
    ),
)
def test_a_status_of_any_content_is_replaced_by_a_true_one(raw, status):
    found = _judged({**raw, "status": status})
    _is_an_answer(found)
    again = _judged({**raw, "status": found.status})
    assert again.status == found.status
    assert not again.events


def _judged(raw: Body) -> Summary:
    """As one pass of the operator does it, with nothing in the cluster yet."""
    model = model_facts(json.loads(json.dumps({**raw})))
    plan = _plan(model.raw)
    if isinstance(plan, Plan):
        json.dumps(render(plan))
    view = View(model=model, plan=plan, deployment=None, pods=(), children=(), now=NOW)
    return summarize(view)


def _plan(raw: Any) -> Plan | Invalid:
    spec = parse(raw)
    if isinstance(spec, Invalid):
        return spec
    meta = Meta(namespace="team", name=raw["metadata"]["name"], uid="u-1", generation=1)
    return decide(spec, meta=meta, defaults=DEFAULTS, chips=CHIPS)


def _is_an_answer(found: Summary) -> None:
    conditions = {each["type"]: each for each in found.status["conditions"]}
    assert conditions["Ready"]["reason"].isalnum()
    assert conditions["Ready"]["message"]
    assert len(json.dumps(found.status).encode()) < LARGEST_STATUS


def _spoil(raw: Any, *, data: Any) -> None:
    """Walk to some place below spec, or to the name, and put anything there."""
    holder, at = raw, data.draw(some.sampled_from(["spec", "spec", "spec", "metadata"]))
    while isinstance(holder[at], dict | list) and holder[at] and data.draw(some.booleans()):
        holder = holder[at]
        places = sorted(holder) if isinstance(holder, dict) else range(len(holder))
        at = data.draw(some.sampled_from(list(places)))
    if isinstance(holder[at], dict) and data.draw(some.booleans()):
        holder[at][data.draw(NAMES)] = data.draw(ANYTHING)
    else:
        holder[at] = data.draw(ANYTHING)
