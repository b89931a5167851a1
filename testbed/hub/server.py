"""The HTTP server: asks the dialects for an answer and lets the faults have their say."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from testbed.hub import faults, huggingface, modelscope
from testbed.hub.answer import Answer, Blob, Json, Lies, Question
from testbed.hub.body import Cut, Sender, Span, span
from testbed.hub.faults import Faults
from testbed.hub.traffic import Exchange, Traffic
from testbed.hub.tree import Entry, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """All that the requests share."""

    tree: Tree
    faults: Faults
    traffic: Traffic
    token: str | None = None
    verbose: bool = False


TOKEN = re.compile(r"(?:Bearer |m_session_id=)([^\s;]+)")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, hub: Hub, *, host: str, port: int) -> None:
        self.hub = hub
        super().__init__((host, port), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed in mid-file is an everyday event here."""

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://{host!s}:{port}"


@contextlib.contextmanager
def running(
    root: Path, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """A hub in threads of this process, on a free port."""
    hub = Hub(tree=Tree(root), faults=Faults(), traffic=Traffic())
    server = Server(hub, host=host, port=0)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        hub.faults.replace(())
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        if self.hub.verbose:
            print(format % args, flush=True)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        if path.startswith("/_"):
            self._control(path)
        else:
            self._serve(Question(path=path, query=dict(parse_qsl(url.query))))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if path != "/_faults":
            return self._json(Json(status=404, body={"error": "no such route"}))
        try:
            rules = faults.parse(json.loads(body))
        except (ValueError, TypeError) as error:
            return self._json(Json(status=400, body={"error": str(error)}))
        self.hub.faults.replace(rules)
        return self._json(Json(body=self.hub.faults.in_force()))

    def do_DELETE(self) -> None:
        if self.path == "/_faults":
            self.hub.faults.replace(())
        if self.path == "/_stats":
            self.hub.traffic.forget()
        self._json(Json(body={}))

    def _control(self, path: str) -> None:
        known = {"/_faults": self.hub.faults.in_force, "/_stats": self.hub.traffic.report}
        if path == "/_health":
            self._json(Json(body={"ok": True}))
        elif ask := known.get(path):
            self._json(Json(body=ask()))
        else:
            self._json(Json(status=404, body={"error": "no such route"}))

    def _serve(self, question: Question) -> None:
        dialect = modelscope if question.path.startswith(modelscope.PREFIX) else huggingface
        route = dialect.route(question.path)
        hostile = self._hostile(question.path) if route == "list" else ()
        answer = dialect.answer(question, tree=self.hub.tree, hostile=hostile)
        exchange = self._note(answer, route=route)
        if not self._admitted():
            self._json(_refused(), exchange=exchange)
        elif not self._obstructed(answer, exchange):
            self._answer(answer, exchange)

    def _hostile(self, path: str) -> Lies:
        rule = self.hub.faults.strike("list", route="list", path=path)
        return rule.entries if rule else ()

    def _note(self, answer: Answer, *, route: str) -> Exchange:
        file = f"{answer.repo}/{answer.entry.path}" if isinstance(answer, Blob) else ""
        self.hub.traffic.shown.update(TOKEN.findall(self._credentials()))
        exchange = Exchange(
            method=self.command,
            target=self.path,
            route=route,
            file=file,
            wanted=self.headers.get("Range", ""),
            at=time.monotonic(),
            credentials=bool(self._credentials()),
        )
        return self.hub.traffic.open(exchange)

    def _credentials(self) -> str:
        cookie = self.headers.get("Cookie") or ""
        session = cookie if "m_session_id" in cookie else ""
        return " ".join(filter(None, (self.headers.get("Authorization"), session)))

    def _admitted(self) -> bool:
        return self.hub.token is None or self.hub.token in self._credentials()

    def _obstructed(self, answer: Answer, exchange: Exchange) -> bool:
        """True when a fault answered in place of the dialect."""
        path = answer.entry.path if isinstance(answer, Blob) else urlsplit(self.path).path
        if rule := self.hub.faults.strike("status", route=exchange.route, path=path):
            headers = {"Retry-After": rule.retry_after} if rule.retry_after else {}
            body = {"error": "busy", "Message": "busy", "Success": False}
            self._json(Json(status=rule.status, body=body, headers=headers), exchange=exchange)
            return True
        if rule := self.hub.faults.strike("redirect", route=exchange.route, path=path):
            headers = {"Location": rule.to + self.path}
            self._json(Json(status=302, body={}, headers=headers), exchange=exchange)
            return True
        return False

    def _answer(self, answer: Answer, exchange: Exchange) -> None:
        if isinstance(answer, Json):
            self._json(answer, exchange=exchange)
        elif answer.entry.place is not None:
            self._blob(answer, exchange=exchange)

    def _json(self, answer: Json, *, exchange: Exchange | None = None) -> None:
        body = json.dumps(answer.body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._head(answer.status, {**headers, **answer.headers}, exchange=exchange)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(
        self, status: int, headers: Mapping[str, str], *, exchange: Exchange | None = None
    ) -> None:
        if exchange is not None:
            exchange.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _blob(self, blob: Blob, *, exchange: Exchange) -> None:
        size = self._said_size(blob.entry)
        whole = self.hub.faults.strike("whole", route="file", path=blob.entry.path)
        part = span("" if whole else exchange.wanted, size=size)
        if part is None:
            headers = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
            return self._head(416, headers, exchange=exchange)
        self._head(200 if part.whole else 206, _blob_headers(blob, part, size), exchange=exchange)
        if self.command == "HEAD" or blob.entry.place is None:
            return None
        sender = Sender(
            faults=self.hub.faults, exchange=exchange, path=blob.entry.path, gone=self._gone
        )
        real = Span(start=part.start, stop=min(part.stop, blob.entry.size), whole=part.whole)
        try:
            sender.send(blob.entry.place, real, self.connection)
            self.wfile.write(b"\0" * (part.stop - real.stop))
        except Cut:
            self._hang_up()
        return None

    def _said_size(self, entry: Entry) -> int:
        if self.hub.faults.strike("short", route="file", path=entry.path):
            return entry.size // 2
        if self.hub.faults.strike("long", route="file", path=entry.path):
            return entry.size + 17
        return entry.size

    def _gone(self) -> bool:
        """True when the client has closed: what is sent to it then would count as asked for."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _blob_headers(blob: Blob, part: Span, size: int) -> dict[str, str]:
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(part.stop - part.start),
        "Accept-Ranges": "bytes",
        "ETag": f'"{blob.entry.sha256}"',
        **blob.headers,
    }
    if not part.whole:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return headers


def _refused() -> Json:
    body: dict[str, Any] = {"error": "Invalid credentials", "Message": "unauthorized"}
    return Json(status=401, body=body | {"Code": 10010205401, "Success": False})
