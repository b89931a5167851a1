"""`make demo`: install the chart, apply one FlagOSModel, watch it and ask it something.

Runs against the cluster that KUBECONFIG names; `make demo` starts one first. Everything here is
what a person would type, printed before it is done.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NAMESPACE = "flagos-demo"
MODEL = "tiny"
WIDTH, PROGRESS_WIDTH = 14, 50  # of a column: the longest of the words shown, and a gap
READY_WITHIN = 300  # seconds; a machine with two cores needs about 30
PATIENCE = """
  kubectl -n flagos-demo describe flagosmodel tiny
  kubectl -n flagos-demo get pods,events
"""
NEXT = f"""
The cluster stays up. Try:
  eval $(make -s env)                                        # kubectl, helm and KUBECONFIG
  kubectl -n {NAMESPACE} get flagosmodels -o wide
  kubectl -n {NAMESPACE} describe flagosmodel {MODEL}
  kubectl explain flagosmodel.spec.server
  kubectl -n {NAMESPACE} port-forward service/{MODEL} 8000 &      # then ask it yourself:
  curl -s localhost:8000/v1/chat/completions -H 'Content-Type: application/json' \\
    -d '{{"model": "{MODEL}", "messages": [{{"role": "user", "content": "hello"}}]}}'
  kubectl -n {NAMESPACE} scale flagosmodel/{MODEL} --replicas=2
  kubectl -n {NAMESPACE} patch flagosmodel {MODEL} --type=merge -p '{{"spec":{{"suspend":true}}}}'
  kubectl -n {NAMESPACE} delete flagosmodel {MODEL}             # its weights stay in their claim
  make cluster-down                                          # ends it; images stay cached
"""


class DemoFailedError(Exception):
    """The demo cannot go on; the message says what was seen and where to look."""


def say(words: str) -> None:
    print(f"\n== {words}", flush=True)


def do(*command: str) -> str:
    """Print a command, run it, print and return what it said."""
    print("$ " + " ".join(command), flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        raise DemoFailedError(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def ask(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout


def install() -> None:
    say("Install the operator with its chart (about 5 s)")
    image = "image.registry=localhost,image.repository=flagos-operator,image.tag=dev"
    do(
        *("helm", "upgrade", "--install", "flagos-operator", "charts/flagos-operator"),
        *("--namespace", "flagos-system", "--create-namespace", "--set", image),
        "--hide-notes",
    )
    do(
        *("kubectl", "-n", "flagos-system", "rollout", "status"),
        *("deployment/flagos-operator", "--timeout=120s"),
    )


def start_hub() -> None:
    say("Start a model hub inside the cluster; it stands in for ModelScope (about 3 s)")
    do("kubectl", "apply", "-f", "testbed/demo/hub.yaml")
    do("kubectl", "-n", NAMESPACE, "rollout", "status", "deployment/flagos-hub", "--timeout=90s")


def watch() -> None:
    """Print each change of the row that `kubectl get flagosmodels` shows, until it is Ready."""
    begun, last = time.monotonic(), ""
    while time.monotonic() - begun < READY_WITHIN:
        table = ask("kubectl", "-n", NAMESPACE, "get", "flagosmodels").splitlines() or ["", ""]
        heading, row = (in_columns(line, heading=table[0]) for line in table[:2])
        if row != last:
            print(f"{'':8}{heading}" if not last else "", end="\n" if not last else "")
            print(f"{time.monotonic() - begun:5.1f} s {row}", flush=True)
            last = row
        if is_ready():
            return
        time.sleep(0.3)
    raise DemoFailedError(f"{MODEL} is not Ready after {READY_WITHIN} s. Look at:{PATIENCE}")


def in_columns(line: str, *, heading: str) -> str:
    """One line of kubectl's table at the widths of all of them, without AGE: that moves alone.

    kubectl makes a column as wide as it must be just now, and leaves a cell empty.
    """
    columns = [(found[0].strip(), found.span()) for found in re.finditer(r"\S+\s*", heading)]
    widths = {"PROGRESS": PROGRESS_WIDTH}
    return "".join(
        f"{line[start:end].strip():<{widths.get(name, WIDTH)}}"
        for name, (start, end) in columns[:-1]
    ).rstrip()


def is_ready() -> bool:
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    return ask("kubectl", "-n", NAMESPACE, "get", "flagosmodel", MODEL, "-o", path) == "True"


def serve() -> None:
    say("Apply a model: weights are fetched and verified, then a real vLLM starts (20 to 40 s)")
    do("kubectl", "-n", NAMESPACE, "apply", "-f", "examples/tiny-cpu.yaml")
    watch()
    do("kubectl", "-n", NAMESPACE, "get", "flagosmodels")


@contextlib.contextmanager
def forwarded() -> Iterator[str]:
    """A local URL of the model's Service."""
    words = ["kubectl", "-n", NAMESPACE, "port-forward", f"service/{MODEL}", ":8000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = re.search(
                r"127\.0\.0\.1:\d+", process.stdout.readline() if process.stdout else ""
            )
            if not found:
                raise DemoFailedError(f"{' '.join(words)} opened no port")
            yield f"http://{found[0]}"
        finally:
            process.terminate()


def chat() -> None:
    say("Ask it something through its Service")
    question = {"role": "user", "content": "hello, who are you?"}
    body = {"model": MODEL, "messages": [question], "max_tokens": 16}
    with forwarded() as url:
        request = urllib.request.Request(
            f"{url}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.load(answer)
    print(f"user:      {question['content']}")
    print(f"assistant: {told['choices'][0]['message']['content']!r}")
    print("(The tiny model has random weights: noise is its right answer.)", flush=True)


def main() -> int:
    begun = time.monotonic()
    try:
        install()
        start_hub()
        serve()
        chat()
    except DemoFailedError as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    print(f"\nDone in {time.monotonic() - begun:.0f} s.{NEXT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
