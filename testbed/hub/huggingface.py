"""The Hugging Face dialect, as huggingface_hub 2.4 speaks it."""

from __future__ import annotations

import re
from typing import Any

from testbed.hub.answer import Answer, Blob, Json, Lies, Question, Route
from testbed.hub.tree import Entry, Missing, Snapshot, Tree

ABOUT = re.compile(
    r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/(?P<verb>revision|tree)/(?P<rev>[^/]+)/?)?"
)
RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)")


def route(path: str) -> Route:
    if RESOLVE.fullmatch(path):
        return "file"
    return "list" if ABOUT.fullmatch(path) else "other"


def answer(question: Question, *, tree: Tree, hostile: Lies) -> Answer:
    match = RESOLVE.fullmatch(question.path) or ABOUT.fullmatch(question.path)
    if match is None:
        return _error(404, "no such route")
    snapshot = tree.snapshot(match["repo"], revision=match["rev"] or "main", default="main")
    if isinstance(snapshot, Missing):
        return _missing(snapshot)
    if "path" in match.groupdict():
        return _file(snapshot, path=match["path"])
    if match["verb"] == "tree":
        return Json(body=[_row(entry) for entry in snapshot.told(hostile)])
    return Json(body=_about(snapshot))


def _file(snapshot: Snapshot, *, path: str) -> Answer:
    entry = snapshot.find(path)
    if entry is None:
        return _error(404, "Entry not found", code="EntryNotFound")
    headers = {
        "X-Repo-Commit": snapshot.commit,
        "X-Linked-Etag": f'"{entry.sha256}"',
        "X-Linked-Size": str(entry.size),
    }
    return Blob(repo=snapshot.repo, entry=entry, headers=headers)


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"type": "file", "path": entry.path, "size": entry.size}
    row["oid"] = entry.git_oid
    # Only large files have a sha256 there; of the others git's own digest is all one gets.
    if entry.path.endswith(".safetensors"):
        row["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 130}
    return row


def _about(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "_id": "1",
        "id": snapshot.repo,
        "modelId": snapshot.repo,
        "sha": snapshot.commit,
        "private": False,
        "siblings": [{"rfilename": entry.path} for entry in snapshot.entries],
        "tags": [],
        "downloads": 0,
        "likes": 0,
    }


def _missing(missing: Missing) -> Json:
    if missing.what == "repo":
        return _error(404, "Repository not found", code="RepoNotFound")
    return _error(404, "Invalid rev id", code="RevisionNotFound")


def _error(status: int, message: str, *, code: str | None = None) -> Json:
    headers = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
    return Json(status=status, body={"error": message}, headers=headers)
