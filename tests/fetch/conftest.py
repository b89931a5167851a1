from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from testbed.hub.server import running
from tests.fetch.lab import SOURCES, Lab, Result, make_repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=SOURCES)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """Each test runs against both hubs, through each one's own client."""
    yield from _lab(request.param, tmp_path)


@pytest.fixture
def one_lab(tmp_path: Path) -> Iterator[Lab]:
    """For what does not depend on the hub."""
    yield from _lab("modelscope", tmp_path)


@pytest.fixture(scope="module", params=SOURCES)
def arrived(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lab, Result]]:
    """A fetch that went well, by a process with a mean umask; to be looked at only."""
    for lab in _lab(request.param, tmp_path_factory.mktemp("arrived")):
        yield lab, lab.finish(lab.start(before=keep_to_oneself))


def keep_to_oneself() -> None:
    os.umask(0o077)


def _lab(source: str, tmp_path: Path) -> Iterator[Lab]:
    repos, volume = tmp_path / "hub", tmp_path / "volume"
    make_repo(repos)
    volume.mkdir()
    with running(repos) as hub:
        lab = Lab(hub=hub, repos=repos, volume=volume, source=source)
        try:
            yield lab
        finally:
            for process in lab.running:
                process.kill()
                process.wait()
                if process.stdout:
                    process.stdout.close()
