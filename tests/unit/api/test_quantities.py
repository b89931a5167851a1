"""Amounts of resources: refused with field, value and cure, and never what Kubernetes accepts."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.quantities import above, amount
from flagos_operator.api.spec import FlagOSModelSpec, parse
from tests.unit.api.cases import a_model


def words(**spec: Any) -> str:
    found = parse(a_model(**spec))
    assert isinstance(found, Invalid), "it was accepted"
    assert found.reason == "InvalidSpec"
    return found.message


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        ("1GB", "write 1Gi or 1G"),
        ("512mb", "write 512Mi or 512M"),
        ("1.5 gib", "write 1.5Gi or 1.5G"),
        ("64kb", "write 64Ki or 64k"),
        ("lots", "write a number and a unit, e.g. 500m, 4 or 16Gi"),
        ("", "write a number and a unit, e.g. 500m, 4 or 16Gi"),
        (-1, "write a number and a unit, e.g. 500m, 4 or 16Gi"),
    ],
)
def test_what_is_no_quantity_is_named_with_its_field_and_the_cure(value: Any, cure: str):
    said = words(server={"resources": {"requests": {"memory": value}}})
    assert said == f"spec.server.resources.requests.memory: {value} is no quantity: {cure}"


CONTAINER = {"name": "c", "resources": {"limits": {"cpu": "2 cores"}}}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"server": {"resources": CONTAINER["resources"]}}, "spec.server.resources"),
        ({"fetch": {"resources": CONTAINER["resources"]}}, "spec.fetch.resources"),
        ({"pod": {"containers": [CONTAINER]}}, "spec.pod.containers[0].resources"),
        ({"pod": {"initContainers": [CONTAINER]}}, "spec.pod.initContainers[0].resources"),
    ],
)
def test_it_is_looked_for_wherever_resources_are_asked_for(spec: dict[str, Any], field: str):
    assert words(**spec).startswith(f"{field}.limits.cpu: 2 cores is no quantity")


def test_a_request_above_its_limit_is_told_with_both_numbers():
    said = words(
        server={"resources": {"requests": {"memory": "8Gi"}, "limits": {"memory": "4G"}}},
        fetch={"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
    )
    assert said == (
        "spec.server.resources.requests.memory: 8Gi is above the limit of 4G: "
        "lower it, or raise limits.memory; "
        "spec.fetch.resources.requests.cpu: 2 is above the limit of 1500m: "
        "lower it, or raise limits.cpu"
    )


READ = (
    *(0, 8, "+8", "0.5", ".5", "5.", "100n", "100u", "500m"),
    *("1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"),
    *("1e3", "1E3", "1e-3", "12e+6"),
)


@pytest.mark.parametrize("value", READ)
def test_whatever_kubernetes_reads_is_accepted(value: Any):
    spec = {"server": {"resources": {"requests": {"cpu": value}, "limits": {"cpu": value}}}}
    assert isinstance(parse(a_model(**spec)), FlagOSModelSpec)


def test_units_are_weighed():
    assert above("1Gi", "1G")
    assert above("1", "999m")
    assert above("1E", "1e3")
    assert not above("1024Mi", "1Gi")
    assert not above("1e3", "1k")
    assert not above("lots", "1k")
    assert amount("1e999999999") is not None


@pytest.mark.parametrize(
    "pod",
    [
        {"containers": [{"name": "c", "resources": "much"}]},
        {"containers": [{"name": "c", "resources": {"limits": ["cpu"]}}]},
    ],
)
def test_what_has_another_shape_is_left_to_the_api_server(pod: dict[str, Any]):
    assert isinstance(parse(a_model(pod=pod)), FlagOSModelSpec)
