"""The start-up budget: whose word counts, and the sum where nobody says anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagos_operator.desired import budget
from flagos_operator.desired.budget import KernelCache, needed, within
from flagos_operator.desired.probes import PERIOD
from flagos_operator.desired.render import render
from tests.unit.desired.build import chips, env, objects, plan, server

EMPTY = KernelCache.EMPTY
SIZES = st.sampled_from(budget.SIZES)
FIRSTS = st.integers(1, 43200)
INT32 = 2**31 - 1
OLDER = {"FlagOS": 3600, "PluginOnly": 1800, "Native": 1800}
STATUS = Path(__file__).parents[3] / "docs" / "status.md"


def claim(size: str) -> dict[str, Any]:
    return {"weights": {"volumeClaimTemplate": {"size": size}}}


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        # 2 x 588 + 137 GB at 100 MB/s: less than what an operator has given all the time.
        ({"chip": "nvidia"}, 3600),
        ({"chip": "nvidia", "devices": 2}, 3960),
        ({"chip": "nvidia", "flagos": {"mode": "Native"}}, 1800),
        ({"chip": "nvidia", "devices": 2, "flagos": {"mode": "Native"}}, 3180),
        ({"chip": "metax"}, 12180),  # 2 x 5400 + 1375, in whole minutes
        ({"chip": "iluvatar"}, 13560),  # one board is two devices
        ({"chip": "metax", **claim("60Gi")}, 11520),
        ({"chip": "metax", **claim("64Gi")}, 11520),
        ({"chip": "metax", **claim("65Gi")}, 12180),
        ({"chip": "metax", "weights": {"emptyDir": {"sizeLimit": "60Gi"}}}, 11520),
        ({"chip": "metax", "weights": {"emptyDir": {}}}, 12180),
        ({"chip": "metax", "devices": 8, **claim("60Gi")}, 11520),  # the volume is known
        ({"chip": "metax", **claim("4Ti")}, 54840),
        ({"chip": "metax", **claim("1000Pi")}, 54840),  # no model is as large as that
        ({"chip": "cpu", "image": "plain:1"}, 1800),
        ({"chip": "metax", "devices": 0}, 12180),
    ],
)
def test_where_nobody_says_anything_it_is_the_first_start_twice_and_the_reading(
    spec: dict[str, Any], seconds: int
) -> None:
    assert plan(**spec).budget_seconds == seconds


@pytest.mark.parametrize("seconds", [1, 77, 3600, 86400])
def test_a_users_word_counts_as_it_stands(seconds: int) -> None:
    said = plan(chip="iluvatar", startup={"budgetSeconds": seconds}, **claim("1Ti"))
    assert said.budget_seconds == seconds
    assert said.budget_origin == "set by spec.startup.budgetSeconds"


def test_so_does_a_chips() -> None:
    own = {"iluvatar": {"startup": {"budgetSeconds": 900}}}
    said = plan(chip="iluvatar", settings={"own": own}, **claim("1Ti"))
    assert (said.budget_seconds, said.budget_origin) == (900, "set by chip iluvatar")


def test_a_chips_own_first_start_goes_into_the_sum() -> None:
    own = {"abacus": {"flagos": {"mode": "FlagOS"}, "startup": {"coldSeconds": 20000}}}
    assert plan(chip="abacus", settings={"own": own}).budget_seconds == 41400
    native = plan(chip="abacus", settings={"own": own}, flagos={"mode": "Native"})
    assert native.budget_seconds == 1800, "nothing is tuned there"


def test_it_is_never_more_than_a_user_may_say() -> None:
    own = {"abacus": {"flagos": {"mode": "FlagOS"}, "startup": {"coldSeconds": 43200}}}
    most = plan(chip="abacus", settings={"own": own}, **claim("4Ti"))
    assert most.budget_seconds == budget.MOST
    assert most.budget_origin.endswith(", but at most 86400 s")


@settings(deadline=None)
@given(first=FIRSTS, gib=SIZES, more=SIZES)
def test_more_weights_never_get_less_time(first: int, gib: int, more: int) -> None:
    low, high = sorted((gib, more))
    assert needed(first=first, gib=low, cache=EMPTY) <= needed(first=first, gib=high, cache=EMPTY)


@settings(deadline=None)
@given(first=FIRSTS, slower=FIRSTS, gib=SIZES)
def test_a_slower_chip_never_gets_less_time(first: int, slower: int, gib: int) -> None:
    low, high = sorted((first, slower))
    assert needed(first=low, gib=gib, cache=EMPTY) <= needed(first=high, gib=gib, cache=EMPTY)


@settings(deadline=None)
@given(first=FIRSTS, gib=SIZES)
def test_a_filled_cache_takes_time_off_and_an_empty_one_leaves_twice_the_start(
    first: int, gib: int
) -> None:
    filled = needed(first=first, gib=gib, cache=KernelCache.FILLED)
    assert first <= filled <= needed(first=first, gib=gib, cache=EMPTY)
    assert needed(first=first, gib=gib, cache=EMPTY) >= 2 * first + gib * 10


@settings(deadline=None)
@given(first=FIRSTS, gib=SIZES, least=st.sampled_from([1800, 3600]))
def test_it_stays_between_what_was_given_before_and_what_a_user_may_say(
    first: int, gib: int, least: int
) -> None:
    assert least <= within(needed(first=first, gib=gib, cache=EMPTY), least=least) <= budget.MOST


@pytest.mark.parametrize("mode", OLDER)
@pytest.mark.parametrize("chip", chips())
def test_no_chip_gets_less_than_it_got_from_older_operators(chip: str, mode: str) -> None:
    older = 7200 if (chip, mode) == ("iluvatar", "FlagOS") else OLDER[mode]
    assert plan(chip=chip, flagos={"mode": mode}, **claim("1Gi")).budget_seconds >= older


@pytest.mark.parametrize("devices", [0, 1, 2, 3, 8, 16, 64, 1024])
@pytest.mark.parametrize("chip", ["nvidia", "metax", "iluvatar"])
def test_what_comes_of_it_is_what_kubernetes_takes(chip: str, devices: int) -> None:
    made = objects(chip=chip, devices=devices)["Deployment"]["spec"]
    startup = made["template"]["spec"]["containers"][0]["startupProbe"]
    seconds = startup["failureThreshold"] * startup["periodSeconds"]
    assert startup["periodSeconds"] == PERIOD
    assert seconds == plan(chip=chip, devices=devices).budget_seconds <= budget.MOST
    assert seconds < made["progressDeadlineSeconds"] <= INT32, "a start is no failed rollout"


def test_a_budget_that_is_no_multiple_of_the_period_is_never_cut() -> None:
    for seconds, failures in ((1, 1), (5, 1), (6, 2), (86400, 17280)):
        startup = server(startup={"budgetSeconds": seconds})["startupProbe"]
        assert startup["failureThreshold"] == failures


def test_vllm_waits_as_long_as_the_probe_but_reads_no_weights_in_a_step() -> None:
    seen = env(chip="metax", devices=8)
    assert seen["VLLM_ENGINE_READY_TIMEOUT_S"] == "21840"
    assert seen["VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS"] == "10800"
    assert seen["VLLM_ENGINE_ITERATION_TIMEOUT_S"] == "10800"


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ({"chip": "metax"}, ["2 x 5400 s", "an empty kernel cache", "1375 s", "128 GiB"]),
        ({"chip": "nvidia"}, ["2 x 588 s", "128 GiB", "but at least 3600 s"]),
        ({"chip": "metax", **claim("9Ti")}, ["4096 GiB"]),
    ],
)
def test_it_says_how_it_came_about(spec: dict[str, Any], parts: list[str]) -> None:
    origin = plan(**spec).budget_origin
    assert [part for part in parts if part not in origin] == []


class TestOfALiveDeployment:
    """An upgrade of the operator rolls no pod, and neither does a claim that grows."""

    @pytest.mark.parametrize(
        ("spec", "live"),
        [
            ({"chip": "metax"}, 3600),
            ({"chip": "metax", "flagos": {"mode": "Native"}, "devices": 8}, 1800),
            ({"chip": "iluvatar"}, 7200),
            ({"chip": "iluvatar"}, 3600),  # with its chip's word taken away by `chips`
            ({"chip": "metax", **claim("500Gi")}, 11520),  # that of 64 GiB
            ({"chip": "metax", **claim("10Gi")}, 21840),  # a size that no claim can take back
        ],
    )
    def test_one_that_an_operator_may_have_given_is_kept(
        self, spec: dict[str, Any], live: int
    ) -> None:
        assert plan(**spec).budget_seconds != live
        assert plan(**spec, settings={"live_budget": live}).budget_seconds == live

    @pytest.mark.parametrize("live", [0, 5, 900, 3605, 7200, 86400])
    def test_any_other_was_asked_for_by_somebody_who_asks_no_more(self, live: int) -> None:
        spec = {"chip": "metax", **claim("10Gi")}
        kept = plan(**spec, settings={"live_budget": live}).budget_seconds
        assert kept == 11520

    def test_a_word_of_the_users_goes_before_it(self) -> None:
        said = plan(startup={"budgetSeconds": 900}, settings={"live_budget": 3600})
        assert said.budget_seconds == 900

    def test_a_chips_does_too(self) -> None:
        own = {"metax": {"startup": {"budgetSeconds": 900}}}
        said = plan(chip="metax", settings={"own": own, "live_budget": 3600})
        assert said.budget_seconds == 900

    @pytest.mark.parametrize("size", ["1Gi", "64Gi", "65Gi", "1Ti", "100Ti"])
    def test_with_it_the_pods_of_every_size_are_the_same(self, size: str) -> None:
        made = plan(chip="metax", **claim("64Gi"))
        grown = plan(chip="metax", **claim(size), settings={"live_budget": made.budget_seconds})
        assert grown.template == made.template
        assert render(replace(grown, claim=None))[-1] == render(replace(made, claim=None))[-1]

    def test_of_an_older_operator_it_is_said_so(self) -> None:
        kept = plan(chip="metax", settings={"live_budget": 3600})
        assert kept.budget_origin.startswith("chosen by an older operator")


def test_each_figure_is_in_the_documents_with_its_source() -> None:
    text = " ".join(STATUS.read_text().split())
    figures = (*budget.FIRST_START.values(), *budget.SHARE.values())
    figures = (*figures, budget.TIMES, budget.READ_RATE, budget.PER_DEVICE)
    assert [each.source for each in figures if each.source not in text] == []
    cold = {name: chip.startup.cold_seconds for name, chip in chips().items()}
    rows = [f"| `{name}` | {seconds} |" for name, seconds in cold.items() if seconds]
    assert [row for row in rows if row not in text] == []
