"""Let vLLM's own command line judge arguments; runs where vLLM is, of whatever version.

Reads a list of arguments per line, what follows `vllm serve`, and answers each with a line:
whether they are accepted, else the last thing that was said, and what they came to mean.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

from vllm.entrypoints.cli import serve
from vllm.utils.argparse_utils import FlexibleArgumentParser


class CommandLine:
    """`vllm serve` as the program builds it: reads --config files, validates options."""

    def __init__(self) -> None:
        (self._command,) = serve.cmd_init()
        self._parser = FlexibleArgumentParser(prog="vllm")
        self._command.subparser_init(self._parser.add_subparsers(dest="subparser"))

    def judge(self, arguments: list[str]) -> dict[str, Any]:
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                found = self._parser.parse_args(["serve", *arguments])
                self._command.validate(found)
        except SystemExit:
            return {"accepted": False, "message": said.getvalue().strip().splitlines()[-1]}
        except (TypeError, ValueError) as refused:
            return {"accepted": False, "message": str(refused)}
        return {"accepted": True, "values": vars(found)}


def main(answers: Path) -> None:
    command_line = CommandLine()
    verdicts = [command_line.judge(json.loads(line)) for line in sys.stdin]
    answers.write_text("".join(json.dumps(v, default=str) + "\n" for v in verdicts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
