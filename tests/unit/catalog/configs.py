"""Published config.json files, and what was counted or measured of their models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parents[2] / "data" / "published-configs.yaml"
MODELS: dict[str, dict[str, Any]] = {row["name"]: row for row in yaml.safe_load(DATA.read_text())}
