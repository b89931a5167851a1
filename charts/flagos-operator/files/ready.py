# ruff: noqa: S310, T201
"""Ask, for `helm test`, whether the operator is ready and the cluster serves its API."""

import os
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEADLINE = time.monotonic() + 60


def ask(url: str, *, headers: dict[str, str], context: ssl.SSLContext | None) -> str:
    """Ask until the answer is 200: a fresh Service needs a moment to reach its pod."""
    while True:
        try:
            request = urllib.request.Request(url, headers=headers)
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return f"{url}: {answer.status}"
        except OSError as error:
            if time.monotonic() > DEADLINE:
                raise SystemExit(f"{url}: {error}") from error
            time.sleep(1)


host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
token = (ACCOUNT / "token").read_text()
tls = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
allowed = {"Authorization": f"Bearer {token}"}
print(ask(os.environ["READY_URL"], headers={}, context=None))
print(ask(server + os.environ["API_PATH"], headers=allowed, context=tls))
