"""Python and the API server read one API: every field spoiled in turn, and both are asked.

`flagos-operator render` promises what `kubectl apply` would say, and the operator trusts the
schema to keep out what `parse` refuses. So an object that one takes and the other does not is a
defect, whoever is right. Amounts of resources are the one exception: the schema lets any through.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from tests import server
from tests.cluster.conftest import DEFINITION
from tests.kube import Kube, run
from tests.unit.api.cases import EVERY_FIELD, Body, named

Step = str | int
Place = tuple[Step, ...]

GONE = object()
WRONG: tuple[Any, ...] = (
    GONE,
    None,
    "",
    "x y",
    "..",
    -1,
    0,
    10**12,
    0.5,
    True,
    [],
    {},
    ["a", "a"],
)


def places(value: object, *, at: Place = ()) -> Iterator[Place]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
    for step, item in inner:
        yield (*at, step)
        if isinstance(item, dict | list):
            yield from places(item, at=(*at, step))


def spoiled(body: Body, place: Place, wrong: object) -> Body:
    changed = copy.deepcopy(body)
    holder: Any = changed["spec"]
    for step in place[:-1]:
        holder = holder[step]
    if wrong is GONE:
        del holder[place[-1]]
    else:
        holder[place[-1]] = wrong
    return changed


def spoiled_in_turn(body: Body) -> dict[str, Body]:
    """By a name that the API server gives back; an annotation tells what was done."""
    found = {}
    for place in places(body["spec"]):
        for wrong in WRONG:
            changed = spoiled(body, place, wrong)
            name, done = f"spoiled-{len(found)}", f"{place}: {wrong!r}"
            found[name] = changed | {"metadata": {"name": name, "annotations": {"done": done}}}
    return found


def done_to(body: Body) -> str:
    done: str = body["metadata"]["annotations"]["done"]
    return done


def taken_by_the_server(space: Kube, bodies: dict[str, Body]) -> tuple[set[str], str]:
    said = {name: space.refusal(body) for name, body in bodies.items()}
    return {name for name, words in said.items() if words is None}, str(said)


def refused(body: Body) -> bool:
    said = parse(body)
    return isinstance(said, Invalid) and " is no quantity: " not in said.message


@pytest.mark.timeout(300)
@pytest.mark.parametrize("body", EVERY_FIELD, ids=named)
def test_both_say_the_same_of_every_spoiled_field(space: Kube, body: Body) -> None:
    bodies = spoiled_in_turn(body)
    taken, said = taken_by_the_server(space, bodies)
    ours = {name for name, each in bodies.items() if not refused(each)}
    assert taken, said[:2000]
    assert [done_to(bodies[name]) for name in taken ^ ours] == []


@pytest.mark.parametrize("body", EVERY_FIELD, ids=named)
def test_the_server_keeps_every_field(space: Kube, body: Body) -> None:
    kept = server.judge(body, namespace=space.namespace)["spec"]
    assert kept == {"replicas": 1} | body["spec"]


def test_the_rules_leave_room_to_grow() -> None:
    """The API server refuses a definition whose rules could cost too much, all at once."""
    text = DEFINITION.read_text().replace("maxItems: 256", "maxItems: 4096")
    words = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
    run("kubectl", *words, stdin=text)


def test_the_api_server_does_price_rules() -> None:
    """So that the test above can fail at all."""
    body = yaml.safe_load(DEFINITION.read_text())
    schema = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    server = schema["properties"]["spec"]["properties"]["server"]
    dear = "self.args.all(one, self.args.all(other, !one.contains(other)))"
    server["x-kubernetes-validations"].append({"rule": dear})
    words = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
    with pytest.raises(AssertionError, match="exceeds budget"):
        run("kubectl", *words, stdin=json.dumps(body))
