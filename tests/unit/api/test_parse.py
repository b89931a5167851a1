"""What a user writes becomes a typed spec, or words that say what to do."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import FlagOSModelSpec, parse
from tests.unit.api.cases import CASES, EVERY_FIELD, RELEASES, a_model, expected, named


def parsed(body: object) -> FlagOSModelSpec:
    found = parse(body)  # type: ignore[arg-type]
    assert isinstance(found, FlagOSModelSpec), found
    return found


def words(body: object) -> str:
    found = parse(body)  # type: ignore[arg-type]
    assert isinstance(found, Invalid), "it was accepted"
    assert found.reason == "InvalidSpec"
    return found.message


@pytest.mark.parametrize("body", [case for case in CASES if expected(case)], ids=named)
def test_what_is_wrong_is_refused_with_the_words_that_say_so(body):
    assert str(expected(body)) in words(body)


@pytest.mark.parametrize("body", [case for case in CASES if not expected(case)], ids=named)
def test_what_is_right_is_accepted(body):
    parsed(body)


@pytest.mark.parametrize("body", [*RELEASES, *EVERY_FIELD], ids=named)
def test_what_was_published_is_accepted(body):
    parsed(body)


def test_names_are_those_of_the_api_in_snake_case():
    spec = parsed(EVERY_FIELD[0])
    assert spec.versions.vllm_plugin_fl == "0.3.0rc2.post1"
    assert spec.versions.flag_cx == "0.1.0"
    assert spec.server.max_model_len == 32768
    assert spec.server.env[0] == {"name": "A", "value": "b"}
    assert spec.pod.host_ipc is False
    assert spec.source.ca_bundle_config_map_ref
    assert spec.source.ca_bundle_config_map_ref.key == "ca.crt"


def test_what_is_left_out_is_none_or_empty_so_that_a_chip_can_fill_it():
    spec = parsed(a_model())
    assert (spec.devices, spec.server.port, spec.flagos.mode) == (None, None, None)
    assert (spec.server.args, spec.pod.labels) == ((), {})
    assert spec.replicas == 1


def test_nothing_can_be_changed_afterwards():
    spec = parsed(a_model())
    with pytest.raises(ValidationError, match="frozen"):
        spec.replicas = 2  # type: ignore[misc]


def test_an_unknown_field_gets_the_name_that_was_meant():
    body = a_model(server={"maxModelLength": 5})
    assert words(body) == "spec.server.maxModelLength: unknown field: did you mean maxModelLen?"


def test_an_unknown_field_that_resembles_nothing_is_to_be_removed():
    """An older definition in the cluster may have let it in."""
    assert words(a_model(warp=9)) == "spec.warp: unknown field: remove it"


def test_a_fault_in_a_list_is_counted_from_zero():
    body = a_model(server={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": 2}]})
    assert words(body).startswith("spec.server.env[1].value: must be of type string")


def test_all_faults_are_told_at_once():
    body = a_model(devices=-1, server={"port": 0})
    assert words(body) == (
        "spec.devices: should be greater than or equal to 0; "
        "spec.server.port: should be greater than or equal to 1"
    )


def test_very_many_faults_are_told_in_part():
    body = a_model(**{f"field{n}": n for n in range(8)})
    assert words(body).count("unknown field") == 5
    assert words(body).endswith("; and 3 more")


def test_a_rule_is_told_with_its_field_and_its_cure():
    body = a_model(server={"args": ["--port", "9000"]})
    assert words(body) == "spec.server.args: --port has a field: spec.server.port"


def test_rules_wait_until_all_types_are_right():
    body = a_model(server={"args": ["--port", 9000]})
    assert words(body) == (
        "spec.server.args[1]: must be of type string: put it in quotes, YAML reads it as "
        "something else"
    )


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"spec": None},
        {"spec": []},
        {"spec": "text"},
        {"metadata": [], "spec": {}},
        {"metadata": {"name": None}, "spec": a_model()["spec"]},
        {"metadata": {"name": 5}, "spec": a_model()["spec"]},
        a_model(source=5),
        a_model(source={"modelscope": []}),
        a_model(server={"env": {"A": "b"}}),
        a_model(server={"env": ["A=b"]}),
        a_model(server={"resources": {"limits": {"cpu": float("nan")}}}),
        a_model(server={"gpuMemoryUtilization": float("inf")}),
        a_model(pod={"volumes": [{}]}),
        a_model(**{"": 1}),
    ],
    ids=repr,
)
def test_nothing_that_a_user_writes_raises(broken):
    assert words(broken)


def test_yaml_is_read_as_kubectl_sends_it():
    """A date is text, a whole float an integer, null is absent."""
    body = a_model(
        devices=1.0,
        suspend=None,
        pod={"annotations": {"released": dt.date(2026, 9, 3)}, "affinity": None},
    )
    spec = parsed(body)
    assert spec.devices == 1
    assert spec.pod.annotations == {"released": "2026-09-03"}


def test_what_goes_through_keeps_every_field():
    volume = {"name": "v", "csi": {"driver": "d", "volumeAttributes": {"a": "b"}}}
    assert parsed(a_model(pod={"volumes": [volume]})).pod.volumes == (volume,)
