"""When a driver is too old for an image: surely, perhaps, or nothing is known."""

from __future__ import annotations

import pytest

from flagos_operator.catalog.drivers import TooOld, Wanted, too_old


def judged(driver: str | None, **said: str | None) -> str:
    found = too_old(driver, Wanted(**{"vendor": "nvidia"} | said))
    return "fits" if found is None else "too old" if found.sure else "doubt"


@pytest.mark.parametrize(
    ("driver", "cuda", "built_with", "verdict"),
    [
        ("580.65.06", "13.0", None, "fits"),
        ("580", "13.0", "580.105.08", "fits"),  # a label with the branch alone
        ("570.158.01", "13.0", "570.158.01", "fits"),  # it ran on that very driver
        ("570.124.06", "13.0", "570.158.01", "doubt"),
        ("535.161.08", "13.0", None, "doubt"),
        ("470.57.02", "13.0", None, "too old"),
        ("525.60.13", "12.9", "580.105.08", "fits"),
        ("470.57.02", "12.4", "535.161.08", "doubt"),
        ("440.33.01", "12.4", None, "too old"),
        ("460.32.03", "10.2", None, "fits"),
        ("460.32.03", None, "580.105.08", "fits"),  # which CUDA it needs is not known
        (None, "13.0", None, "fits"),
        ("unknown", "13.0", None, "fits"),
    ],
)
def test_a_driver_of_nvidia_is_measured_by_the_major_version_of_cuda(
    driver: str | None, cuda: str | None, built_with: str | None, verdict: str
) -> None:
    assert judged(driver, cuda=cuda, built_with=built_with) == verdict


@pytest.mark.parametrize(
    ("driver", "verdict"),
    [
        ("6.3.30", "fits"),
        ("6.3.30-V1.4.1a", "fits"),
        ("6.3", "fits"),
        ("6.10.2", "fits"),
        ("6.3.13-v1.12.0a", "doubt"),
        (None, "fits"),
    ],
)
def test_of_other_vendors_an_older_driver_than_the_images_own_is_a_doubt(
    driver: str | None, verdict: str
) -> None:
    assert judged(driver, vendor="hygon", built_with="6.3.30") == verdict


def test_a_floor_that_is_stated_is_sure() -> None:
    assert too_old("25.2.0", Wanted(vendor="ascend", floor="25.5.0")) == TooOld(
        sure=True, message="driver 25.2.0 is older than 25.5.0"
    )
    assert judged("25.5.0", vendor="ascend", floor="25.5.0") == "fits"
    assert judged("25.2.0", vendor="ascend", floor="main") == "fits"


def test_the_message_names_both_numbers() -> None:
    doubt = too_old("535.161.08", Wanted(vendor="nvidia", cuda="13.0"))
    sure = too_old("470.57.02", Wanted(vendor="nvidia", cuda="13.0"))
    assert doubt is not None
    assert sure is not None
    assert "driver 535.161.08 is older than 580" in doubt.message
    assert sure.message == "driver 470.57.02 is too old for CUDA 13.0, which asks for 580"
