"""What goes wrong, when and how often."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Fault:
    """Meets requests of a method and path part; `times` of them, or all while it lasts.

    Without a status the request is only slow; with `drop` the connection breaks instead.
    """

    method: str = ""
    path: str = ""
    status: int = 0
    message: str = "injected"
    reason: str = ""
    causes: tuple[dict[str, str], ...] = ()
    retry_after: int = 0
    delay: float = 0.0
    drop: bool = False
    after: bool = False  # the request is carried out and only its answer is lost
    watches: bool = False  # meets the beginning of watches, and nothing else
    times: int = 1_000_000
    met: int = field(default=0, init=False)

    def meets(self, method: str, path: str) -> bool:
        return (
            self.met < self.times
            and self.method in ("", method)
            and self.path in path
            and self.watches == ("watch=true" in path)
        )
