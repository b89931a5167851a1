"""Write what the examples give now as what is expected: `make golden`, then review the diff."""

from __future__ import annotations

from tests.golden.examples import EXAMPLES, EXPECTED, text


def main() -> None:
    EXPECTED.mkdir(exist_ok=True)
    for stale in set(EXPECTED.glob("*.yaml")) - {EXPECTED / example.name for example in EXAMPLES}:
        stale.unlink()
    for example in EXAMPLES:
        (EXPECTED / example.name).write_text(text(example))


if __name__ == "__main__":
    main()
