"""Claims that are made for a model and that several may use: they go with the last one."""

from __future__ import annotations

import asyncio

import pytest

from tests.loop.running import a_downloaded_model, a_model, eventually, quiet, served

MADE = {"volumeClaimTemplate": {"size": "1Gi"}, "reclaimPolicy": "Delete"}
OF_A = {"persistentVolumeClaim": {"claimName": "a-weights"}}


def owners(kube, claim="a-weights"):
    found = kube.find("PersistentVolumeClaim", claim)
    if found is None:
        return None
    refs = found["metadata"].get("ownerReferences") or ()
    return {each["name"]: bool(each.get("controller")) for each in refs}


@pytest.mark.parametrize("order", ["ab", "ba"])
async def test_a_claim_goes_with_the_last_model_that_uses_it(kube, operator, order):
    models = {
        "a": a_downloaded_model("a", weights=MADE),
        "b": a_downloaded_model("b", weights=OF_A),
    }
    async with operator():
        for name in order:
            kube.create(models[name])
            await served(kube, name)
        await eventually(lambda: owners(kube) == {"a": True, "b": False})
        kube.delete("FlagOSModel", "a")
        await eventually(lambda: not kube.find("Deployment", "a"))
        await quiet(kube)
        assert kube.find("PersistentVolumeClaim", "a-weights")
        kube.delete("FlagOSModel", "b")
        await eventually(lambda: not kube.find("PersistentVolumeClaim", "a-weights"))


async def test_a_claim_in_use_outlives_its_model_though_the_operator_is_away(kube, operator):
    async with operator():
        kube.create(a_downloaded_model("a", weights=MADE))
        kube.create(a_model("b", source={"persistentVolumeClaim": {"claimName": "a-weights"}}))
        await eventually(lambda: owners(kube) == {"a": True, "b": False})
        await quiet(kube)
    kube.delete("FlagOSModel", "a")
    await eventually(lambda: not kube.find("Deployment", "a"))
    await asyncio.sleep(0)
    assert kube.find("PersistentVolumeClaim", "a-weights")


async def test_a_claim_that_is_retained_has_no_owner_whoever_uses_it(kube, operator):
    async with operator():
        kube.create(a_downloaded_model("a", weights=MADE))
        kube.create(a_downloaded_model("b", weights=OF_A))
        await eventually(lambda: owners(kube) == {"a": True, "b": False})
        kube.patch("FlagOSModel", "a", {"spec": {"weights": {"reclaimPolicy": "Retain"}}})
        await eventually(lambda: owners(kube) == {})
        await quiet(kube)
        assert owners(kube) == {}
        kube.patch("FlagOSModel", "a", {"spec": {"weights": {"reclaimPolicy": "Delete"}}})
        await eventually(lambda: owners(kube) == {"a": True, "b": False})


async def test_a_model_that_leaves_its_claim_leaves_it_to_those_who_use_it(kube, operator):
    async with operator():
        kube.create(a_downloaded_model("a", weights=MADE))
        kube.create(a_downloaded_model("b", weights=OF_A))
        await eventually(lambda: owners(kube) == {"a": True, "b": False})
        gone = {"volumeClaimTemplate": None, "reclaimPolicy": None, "emptyDir": {}}
        kube.patch("FlagOSModel", "a", {"spec": {"weights": gone}})
        await eventually(lambda: owners(kube) == {"b": False})
        await quiet(kube)
        assert owners(kube) == {"b": False}
        back = {**MADE, "emptyDir": None}
        kube.patch("FlagOSModel", "a", {"spec": {"weights": back}})
        await eventually(lambda: owners(kube) == {"a": True, "b": False})


async def test_who_uses_a_claim_no_more_owns_it_no_more(kube, operator):
    async with operator():
        kube.create(a_downloaded_model("a", weights=MADE))
        kube.create(a_downloaded_model("b", weights=OF_A))
        await eventually(lambda: owners(kube) == {"a": True, "b": False})
        gone = {"persistentVolumeClaim": None, "emptyDir": {}}
        kube.patch("FlagOSModel", "b", {"spec": {"weights": gone}})
        await eventually(lambda: owners(kube) == {"a": True})


async def test_a_model_of_the_same_name_takes_up_a_claim_that_others_have_kept(kube, operator):
    async with operator():
        kube.create(a_downloaded_model("a", weights=MADE))
        kube.create(a_downloaded_model("b", weights=OF_A))
        await eventually(lambda: owners(kube) == {"a": True, "b": False})
        before = kube.find("PersistentVolumeClaim", "a-weights")["metadata"]["uid"]
        kube.delete("FlagOSModel", "a")
        await eventually(lambda: not kube.find("Deployment", "a"))
        # The collector has its reference taken out of the claim by then.
        refs = kube.find("PersistentVolumeClaim", "a-weights")["metadata"]["ownerReferences"]
        left = [each for each in refs if each["name"] == "b"]
        kube.patch("PersistentVolumeClaim", "a-weights", {"metadata": {"ownerReferences": left}})
        kube.create(a_downloaded_model("a", weights=MADE))
        await eventually(lambda: owners(kube) == {"a": True, "b": False})
        assert kube.find("PersistentVolumeClaim", "a-weights")["metadata"]["uid"] == before


async def test_a_claim_of_several_costs_no_write_at_rest(kube, operator):
    async with operator():
        kube.create(a_downloaded_model("a", weights=MADE))
        kube.create(a_downloaded_model("b", weights=OF_A))
        await eventually(lambda: owners(kube) == {"a": True, "b": False})
        await quiet(kube)
    before = kube.storage.version
    async with operator():
        await quiet(kube)
        assert kube.storage.version == before
