"""The ModelScope dialect, as modelscope-hub 0.5 speaks it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from testbed.hub.answer import Answer, Blob, Json, Lies, Question, Route
from testbed.hub.tree import Missing, Snapshot, Tree

ROUTE = re.compile(r"/api/v1/models/(?P<repo>[^/]+/[^/]+)(?P<rest>/.*)?")
ROUTES: dict[str, Route] = {"/repo/files": "list", "/repo": "file"}
PREFIX = "/api/v1/"
COMMITTED = 1_700_000_000


def route(path: str) -> Route:
    match = ROUTE.fullmatch(path)
    return ROUTES.get(match["rest"] or "", "other") if match else "other"


def answer(question: Question, *, tree: Tree, hostile: Lies) -> Answer:
    match = ROUTE.fullmatch(question.path)
    if match is None:
        return _error(404, "no such route")
    repo, revision = match["repo"], question.query.get("Revision", "master")
    snapshot = tree.snapshot(repo, revision=revision, default="master")
    if isinstance(snapshot, Missing):
        return _missing(snapshot, repo=repo, revision=revision)
    match match["rest"] or "":
        case "":
            found: Answer = _data(_about(repo))
        case "/revisions":
            found = _data(_revisions(tree.revisions(repo)))
        case "/repo/files":
            found = _data({"Files": _listing(snapshot, hostile=hostile), "IsVisual": 1})
        case "/repo":
            found = _file(snapshot, path=question.query.get("FilePath", ""))
        case _:
            found = _error(404, "no such route")
    return found


def _file(snapshot: Snapshot, *, path: str) -> Answer:
    entry = snapshot.find(path)
    return Blob(repo=snapshot.repo, entry=entry) if entry else _error(404, "file not found")


def _listing(snapshot: Snapshot, *, hostile: Lies) -> list[dict[str, Any]]:
    folders = {
        str(parent)
        for entry in snapshot.entries
        for parent in PurePosixPath(entry.path).parents
        if str(parent) != "."
    }
    rows = [_row(name, kind="tree") for name in sorted(folders)]
    for entry in snapshot.told(hostile):
        row = _row(entry.path, kind="blob")
        row |= {"Size": entry.size, "Sha256": entry.sha256, "Revision": snapshot.commit}
        row |= {"IsLFS": entry.path.endswith(".safetensors")}
        rows.append(row)
    return rows


def _row(path: str, *, kind: str) -> dict[str, Any]:
    name = PurePosixPath(path).name
    return {"Name": name, "Path": path, "Type": kind, "Size": 0, "CommittedDate": COMMITTED}


def _about(repo: str) -> dict[str, Any]:
    owner, name = repo.split("/")
    return {"Id": 1, "Name": name, "Path": owner, "Visibility": 5, "Revision": "master"}


def _revisions(names: tuple[str, ...]) -> dict[str, Any]:
    tags = [{"Revision": name} for name in names]
    return {"RevisionMap": {"Branches": [{"Revision": "master"}], "Tags": tags}}


def _missing(missing: Missing, *, repo: str, revision: str) -> Json:
    if missing.what == "repo":
        return _error(404, f"model {repo} does not exist", code=10010205001)
    return _error(404, f"revision {revision} not found in {repo}", code=10010205002)


def _data(body: Any) -> Json:  # noqa: ANN401
    return Json(body={"Code": 200, "Success": True, "Message": "success", "Data": body})


def _error(status: int, message: str, *, code: int | None = None) -> Json:
    return Json(status=status, body={"Code": code or status, "Success": False, "Message": message})
