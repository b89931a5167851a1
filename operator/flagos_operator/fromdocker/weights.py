"""Where a card's weights come from, where they lie, and where the server reads them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.fromdocker import mounts
from flagos_operator.fromdocker.card import Download
from flagos_operator.fromdocker.report import UnclearError
from flagos_operator.fromdocker.wishes import secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flagos_operator.fromdocker.environment import Environment
    from flagos_operator.fromdocker.mounts import Mount
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.wishes import Wishes

REPO = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*")
PLACE = "--weights-size 100Gi for a claim of its own, or --weights-claim NAME for one that exists"
SOURCE = "--repo FlagRelease/NAME, with --source modelscope or huggingface"


@dataclass(slots=True, kw_only=True)
class Weights:
    """The three parts of a spec that are about them, and what was used to find them."""

    source: dict[str, Any]
    weights: dict[str, Any]
    fetch: dict[str, Any]
    model: str = ""
    repo: str = ""
    mount: Mount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What the serve line reads, and all that may say where it comes from."""

    model: str  # a path in the container, the name of a repository, or nothing
    line: int
    known: Sequence[Mount]
    downloads: Sequence[Download]
    environment: Environment
    wishes: Wishes
    report: Report
    revision: str = ""

    @property
    def is_path(self) -> bool:
        return self.model.startswith("/")


def find(sought: Sought, *, user: str) -> Weights:
    download = chosen(sought)
    if download is None and sought.is_path:
        found = in_place(sought)
        if found is not None:
            return found
    if download is None:
        sought.report.miss(f"where the weights come from: {SOURCE}")
        return Weights(source={}, weights={}, fetch={}, model=sought.model)
    return downloaded(sought, download, user=user)


def chosen(sought: Sought) -> Download | None:
    if sought.wishes.repo:
        hub = sought.wishes.source or "modelscope"
        if not sought.wishes.source:
            sought.report.say(f"repository {sought.wishes.repo}", f"on {hub}; --source says it")
        return Download(line=0, hub=hub, repo=sought.wishes.repo, directory=None)
    different = distinct(sought.downloads)
    fitting = [one for one in different if leads_to(sought, one)]
    if fitting and len({one.repo for one in fitting}) == 1:
        for other in fitting[1:]:
            why = "left out: the same repository on another hub; source.mirrors can name it"
            sought.report.say(f"{other.hub} {other.repo}", why, line=other.line)
        return fitting[0]
    if sought.model and not sought.is_path and REPO.fullmatch(sought.model):
        return named(sought)
    if len(different) > 1:
        told = "; ".join(f"line {one.line}: {one.repo} to {one.path}" for one in different)
        raise UnclearError(
            f"several downloads, and the server reads {sought.model or 'none of them by name'}: "
            f"{told}; choose one with --repo"
        )
    return different[0] if different else None


def distinct(downloads: Sequence[Download]) -> list[Download]:
    found: list[Download] = []
    for one in downloads:
        if not any(one.same(other) for other in found):
            found.append(one)
    return found


def leads_to(sought: Sought, download: Download) -> bool:
    if not sought.is_path:
        return download.repo == sought.model
    return sought.model in {in_container(sought, download), mounts.tidy(download.path or "-")}


def in_container(sought: Sought, download: Download) -> str | None:
    """The directory of a download as the server sees it."""
    if not download.path.startswith("/"):
        return None
    path = mounts.tidy(download.path)
    return path if download.inside else mounts.inside(path, sought.known)


def named(sought: Sought) -> Download:
    """The server's own words name a repository, which it would download by itself."""
    said = "modelscope" if sought.environment.from_modelscope else "huggingface"
    hub = sought.wishes.source or said
    sought.report.say(
        sought.model, f"taken for a repository on {hub}; --source says it", line=sought.line
    )
    return Download(
        line=sought.line, hub=hub, repo=sought.model, directory=None, revision=sought.revision
    )


def in_place(sought: Sought) -> Weights | None:
    """No download, but a directory of the host: it is served from there."""
    found = mounts.outside(sought.model, sought.known)
    if found is None or found[1].unknown or not found[0].startswith("/"):
        return None
    host, mount = found
    idle(sought)
    sought.report.say(
        mount.text,
        f"replaced by source.hostPath: no line downloads {sought.model}, so it lies there "
        f"already, on each node; to have it downloaded: {SOURCE}",
        line=mount.line,
    )
    return Weights(
        source={"hostPath": {"path": host}},
        weights={"mountPath": sought.model},
        fetch={},
        model=sought.model,
        mount=mount,
    )


def idle(sought: Sought) -> None:
    """Options of a download, where there is none."""
    wishes = sought.wishes
    for option, value in (
        ("--weights-size", wishes.weights_size),
        ("--weights-claim", wishes.weights_claim),
        ("--revision", wishes.revision),
        ("--token-secret", wishes.token_secret),
        ("--source", wishes.source),
    ):
        if value:
            why = f"left out: it is for a download, and no line downloads {sought.model}; "
            sought.report.say(f"{option} {value}", f"{why}--repo OWNER/NAME does")


def downloaded(sought: Sought, download: Download, *, user: str) -> Weights:
    model = sought.model if sought.is_path else in_container(sought, download) or ""
    result = Weights(
        source=source_of(sought, download), weights={}, fetch={}, model=model, repo=download.repo
    )
    if download.line and download.directory:
        why = "replaced: an init container downloads, verifies and resumes"
        sought.report.say(f"download of {download.repo}", why, line=download.line)
    elsewhere(sought, download, model)
    keep(result, sought, user=user)
    if model:
        result.weights["mountPath"] = model
    return result


def elsewhere(sought: Sought, download: Download, model: str) -> None:
    seen = in_container(sought, download)
    if sought.is_path and seen and seen != model:
        why = f"taken to be what the server reads from {model}, though the paths differ"
        sought.report.say(f"{download.repo} in {download.path}", why, line=download.line)


def source_of(sought: Sought, download: Download) -> dict[str, Any]:
    hub: dict[str, Any] = {"repo": download.repo}
    revision = sought.wishes.revision or download.revision
    if revision:
        hub["revision"] = revision
    if download.hub in sought.environment.endpoints:
        hub["endpoint"] = sought.environment.endpoints[download.hub].rstrip("/")
    if sought.wishes.token_secret:
        hub["tokenSecretRef"] = secret(sought.wishes.token_secret, key="token")
    source: dict[str, Any] = {download.hub: hub}
    if download.include:
        source["include"] = list(dict.fromkeys(download.include))
    if download.exclude:
        source["exclude"] = list(dict.fromkeys(download.exclude))
    return source


def keep(result: Weights, sought: Sought, *, user: str) -> None:
    """On a claim if one was asked for, else where the card has them: on the node."""
    wishes = sought.wishes
    found = mounts.outside(result.model, sought.known) if result.model else None
    if found is not None:
        result.mount = found[1]
    if wishes.weights_size:
        result.weights["volumeClaimTemplate"] = {"size": wishes.weights_size}
    elif wishes.weights_claim:
        result.weights["persistentVolumeClaim"] = {"claimName": wishes.weights_claim}
    elif found is not None and found[0].startswith("/") and not found[1].unknown:
        on_node(result, host=found[0], mount=found[1])
        result.fetch = as_user(user)
    else:
        sought.report.miss(f"where the weights are kept: {PLACE}")
        return
    if result.mount is not None:
        why = f"replaced by weights.hostPath; {PLACE}"
        if "hostPath" not in result.weights:
            why = "replaced by the claim of the weights"
        sought.report.say(result.mount.text, why, line=result.mount.line)


def on_node(result: Weights, *, host: str, mount: Mount) -> None:
    root, directory = mount.source, posixpath.relpath(host, mount.source)
    if directory == ".":
        root, directory = posixpath.split(host)
    if root in {"", "/"}:
        result.weights["hostPath"] = {"path": host}
        return
    result.weights["hostPath"] = {"path": root}
    result.weights["directory"] = directory


def as_user(user: str) -> dict[str, Any]:
    """Who may write on the host: docker's own default is root."""
    name = user.partition(":")[0]
    if name in {"", "root"} or name.isdecimal():
        return {"securityContext": {"runAsUser": int(name) if name.isdecimal() else 0}}
    return {}
