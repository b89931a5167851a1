"""Write what the cards come to: python -m tests.unit.fromdocker.regenerate; review the diff."""

from __future__ import annotations

from tests.unit.fromdocker.cards import EXPECTED, NAMES, told


def main() -> None:
    for name in NAMES:
        (EXPECTED / f"{name}.yaml").write_text(told(name), "utf-8")


if __name__ == "__main__":
    main()
