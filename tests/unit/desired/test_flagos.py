"""FlagOS operators: which lists reach the plugin, by its version, and what is refused before."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flagos_operator.catalog.chips import shipped
from tests.unit.desired.build import env, refusal

ALLOW, DENY, MORE = (
    f"VLLM_FL_FLAGOS_{name}LIST{more}"
    for name, more in (("WHITE", ""), ("BLACK", ""), ("BLACK", "_APPEND"))
)
FIRST = {"vllm": "0.13.0", "vllmPluginFL": "0.0.0"}
NEW = {"vllm": "0.24.0", "vllmPluginFL": "0.3.0rc2.post1"}


def on_chip(operators: dict[str, Any], **flagos: Any) -> dict[str, Any]:
    return {"own": {"nvidia": {"flagos": {"mode": "FlagOS", "operators": operators, **flagos}}}}


def lists(**spec: Any) -> dict[str, str | None]:
    return {name: value for name, value in env(**spec).items() if name in (ALLOW, DENY, MORE)}


def with_lists(operators: dict[str, Any], **flagos: Any) -> dict[str, Any]:
    return {"flagos": {"operators": operators, **flagos}}


@pytest.mark.parametrize("field", ["allow", "deny"])
def test_a_plugin_from_before_the_lists_would_ignore_them(field: str) -> None:
    found = refusal(versions=FIRST, **with_lists({field: ["mm"]}))
    assert found.reason == "PluginTooOld"
    assert f"spec.flagos.operators.{field} needs vllm-plugin-FL 0.1.0" in found.message
    assert "has 0.0.0" in found.message
    assert "spec.versions.vllmPluginFL" in found.message


@pytest.mark.parametrize(
    "versions",
    [
        {"vllmPluginFL": "0.1.0", "vllm": "0.13.0"},
        # The number was never raised, yet this vLLM came later than the lists.
        {"vllmPluginFL": "0.0.0", "vllm": "0.24.0"},
        NEW,
    ],
)
def test_a_plugin_that_knows_the_lists_gets_them(versions: dict[str, str]) -> None:
    assert lists(versions=versions, **with_lists({"allow": ["mm", "add"]})) == {ALLOW: "mm,add"}
    assert lists(versions=versions, **with_lists({"deny": ["mm"]})) == {DENY: "mm"}


def test_a_plugin_of_unknown_age_gets_the_lists_that_most_know() -> None:
    spec = with_lists({"deny": ["mm"]}, mode="FlagOS")
    assert lists(image="registry.example/unknown:1", **spec) == {DENY: "mm"}


@pytest.mark.parametrize("prefer", ["Vendor", "Reference"])
def test_operators_have_nothing_to_say_where_flaggems_is_off(prefer: str) -> None:
    found = refusal(**with_lists({"allow": ["mm"]}, prefer=prefer))
    assert found.reason == "WithoutEffect"
    assert f"prefer {prefer}" in found.message
    assert "set flagos.prefer to FlagOS" in found.message


def test_a_chip_that_turns_flaggems_off_is_named_by_what_it_says() -> None:
    spec = with_lists({"deny": ["mm"]})
    own = {"nvidia": {"flagos": {"mode": "PluginOnly"}}}
    assert "mode PluginOnly turns all" in refusal(own=own, **spec).message
    own = {"nvidia": {"flagos": {"mode": "FlagOS", "prefer": "Vendor"}}}
    assert "prefer Vendor turns all" in refusal(own=own, **spec).message


class TestALimitOfTheChip:
    def test_holds_where_the_model_says_nothing(self) -> None:
        assert lists(settings=on_chip({"deny": ["sort"]})) == {DENY: "sort"}
        assert lists(settings=on_chip({"allow": ["rms_norm"]})) == {ALLOW: "rms_norm"}

    def test_is_replaced_by_allow_and_by_deny(self) -> None:
        settings = on_chip({"deny": ["sort"]})
        assert lists(settings=settings, **with_lists({"allow": ["mm"]})) == {ALLOW: "mm"}
        assert lists(settings=settings, **with_lists({"deny": ["mm"]})) == {DENY: "mm"}

    def test_is_added_to_by_deny_more(self) -> None:
        """Whoever denies one operator more keeps what the chip cannot start without."""
        spec = with_lists({"denyMore": ["mm", "sort"]})
        assert lists(settings=on_chip({"deny": ["sort"]}), **spec) == {DENY: "sort,mm"}
        more = on_chip({"denyMore": ["sort"]})
        assert lists(settings=more, versions=NEW, **spec) == {MORE: "sort,mm"}

    def test_that_names_what_may_run_loses_what_is_denied(self) -> None:
        settings = on_chip({"allow": ["rms_norm", "mm"]})
        spec = with_lists({"denyMore": ["mm", "sort"]})
        assert lists(settings=settings, **spec) == {ALLOW: "rms_norm"}

    def test_cannot_be_used_up(self) -> None:
        own = on_chip({"allow": ["mm"]})["own"]
        found = refusal(own=own, **with_lists({"denyMore": ["mm"]}))
        assert found.reason == "WithoutEffect"
        assert "set flagos.mode to PluginOnly" in found.message

    def test_is_the_whole_list_for_a_plugin_that_cannot_add(self) -> None:
        """What the chip says must not refuse a model that says nothing."""
        settings = on_chip({"denyMore": ["sort"]})
        assert lists(settings=settings, versions=NEW) == {MORE: "sort"}
        for older in ({"vllmPluginFL": "0.2.0"}, {"vllmPluginFL": "0.0.0", "vllm": "0.24.0"}):
            assert lists(settings=settings, versions=older) == {DENY: "sort"}

    def test_stays_away_from_a_plugin_that_reads_none(self) -> None:
        assert lists(settings=on_chip({"denyMore": ["sort"]}), versions=FIRST) == {}


class TestAListThatIsShippedWithAChip:
    """What crashes on a chip does so for every model: nobody should have to find it out again."""

    def test_reaches_a_model_that_says_nothing(self) -> None:
        metax = lists(chip="metax", versions=NEW)
        assert metax == {MORE: "mm,mm_out,masked_fill,masked_fill_"}
        iluvatar = lists(chip="iluvatar", versions=NEW)
        assert iluvatar == {MORE: "sort,sort_stable,cumsum,silu_and_mul"}

    @pytest.mark.parametrize("chip", ["metax", "iluvatar"])
    def test_takes_nothing_back_that_a_plugin_denies_by_itself(self, chip: str) -> None:
        """An older plugin takes the list in place of its own: vllm_fl/dispatch/config."""
        own = {"metax": {"masked_fill", "masked_fill_"}, "iluvatar": {"silu_and_mul"}}[chip]
        denied = lists(chip=chip, versions={"vllmPluginFL": "0.2.0"})[DENY]
        assert denied is not None
        assert own < set(denied.split(","))

    def test_is_not_for_a_plugin_that_reads_none(self) -> None:
        assert lists(chip="metax", versions=FIRST) == {}

    @pytest.mark.parametrize(
        ("said", "left"),
        [
            ({"allow": ["rms_norm"]}, {ALLOW: "rms_norm"}),
            ({"deny": ["add"]}, {DENY: "add"}),
            ({"denyMore": ["add"]}, {MORE: "mm,mm_out,masked_fill,masked_fill_,add"}),
        ],
    )
    def test_gives_way_to_the_models_own(self, said: Any, left: Any) -> None:
        assert lists(chip="metax", versions=NEW, **with_lists(said)) == left

    @pytest.mark.parametrize("mode", ["PluginOnly", "Native"])
    def test_is_left_out_where_flaggems_is_off(self, mode: str) -> None:
        assert lists(chip="metax", versions=NEW, flagos={"mode": mode}) == {}

    @pytest.mark.parametrize("operators", [{"deny": ["add"]}, {"allow": ["add"]}, None, {}])
    def test_is_replaced_whole_by_an_administrators(self, operators: Any) -> None:
        own = {"metax": {"flagos": {"operators": operators}}}
        found = lists(chip="metax", versions=NEW, settings={"own": own})
        words = {"deny": DENY, "allow": ALLOW}
        assert found == {words[word]: "add" for word in operators or {}}

    @pytest.mark.parametrize("chip", ["metax", "iluvatar"])
    def test_says_where_it_was_seen(self, chip: str) -> None:
        assert re.search(r"FlagGems issues? \d{4}", shipped()[chip]["source"]["flagos"])
