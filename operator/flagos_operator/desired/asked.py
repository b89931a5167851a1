"""What was asked for, with every gap filled: each decision reads its inputs here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flagos_operator.catalog.images import hints
from flagos_operator.catalog.versions import Versions
from flagos_operator.desired.budget import budget
from flagos_operator.desired.room import eased, flags_of, room_of

if TYPE_CHECKING:
    from flagos_operator.api.chip import Chip
    from flagos_operator.api.source import Hub
    from flagos_operator.api.spec import CompleteSpec
    from flagos_operator.desired.budget import Budget
    from flagos_operator.desired.given import Defaults, Meta
    from flagos_operator.desired.room import Room

PORT = 8000
DRAIN = 30


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Without slots: what takes long and is asked for at every turn is worked out once."""

    spec: CompleteSpec
    meta: Meta
    defaults: Defaults
    chip: Chip

    @cached_property
    def versions(self) -> Versions:
        said = Versions(**self.spec.versions.model_dump(exclude={"chip"}))
        return said.over(hints(self.spec.image))

    @property
    def resource_name(self) -> str | None:
        return self.spec.device_resource_name or self.chip.resource_name

    @property
    def devices(self) -> int:
        if self.spec.devices is not None:
            return self.spec.devices
        return 1 if self.resource_name else 0

    @property
    def accelerators(self) -> int:
        """What a program counts: one Iluvatar resource is a board with two devices."""
        return self.devices * self.chip.devices_per_resource

    @property
    def eased(self) -> bool:
        """Whether the server may hold less than its weights weigh."""
        return eased((*self.chip.args, *flags_of(self.spec.server)))

    @property
    def room(self) -> Room | None:
        """Where all boards of the chip have the same memory, and weights have to fit into it."""
        if self.is_of_unknown_size:
            return None
        return room_of(self.chip, devices=self.devices)

    @property
    def is_of_unknown_size(self) -> bool:
        """Weights may be made smaller, or a resource be a part of a device."""
        return self.eased or self.resource_name != self.chip.resource_name

    @property
    def unallocated(self) -> bool:
        """Devices that no plugin hands out: the pod must see all of the node's."""
        return self.devices > 0 and self.resource_name is None

    @property
    def engine(self) -> str:
        return self.spec.server.engine or "VLLM"

    @cached_property
    def mode(self) -> str | None:
        """None is a plain image. Whoever says anything about FlagOS wants it."""
        said = self.spec.flagos
        wanted = bool(said.model_fields_set - {"strict"}) or self.versions.holds_flagos
        return said.mode or self.chip.flagos.mode or ("FlagOS" if wanted else None)

    @property
    def strict(self) -> bool:
        """Whoever asks for no FlagOS asks for no proof of it."""
        said = self.spec.flagos
        chips = self.chip.flagos.strict and said.mode != "Native"
        return bool(chips if said.strict is None else said.strict)

    @property
    def pipeline_parallel(self) -> int:
        return self.spec.server.pipeline_parallel_size or 1

    @property
    def tensor_parallel(self) -> int:
        asked = self.spec.server.tensor_parallel_size
        return asked or max(1, self.accelerators // self.pipeline_parallel)

    @property
    def port(self) -> int:
        return self.spec.server.port or PORT

    @property
    def served_model_names(self) -> tuple[str, ...]:
        return self.spec.server.served_model_names or (self.meta.name,)

    @property
    def mount_path(self) -> str:
        return self.spec.weights.mount_path or f"/models/{self.meta.name}"

    @cached_property
    def budget(self) -> Budget:
        return budget(self)

    @property
    def stall_seconds(self) -> int | None:
        return self.spec.startup.stall_seconds or self.chip.startup.stall_seconds

    @property
    def drain_seconds(self) -> int:
        said = self.spec.server.drain_seconds
        return DRAIN if said is None else said

    @property
    def hub(self) -> Hub | None:
        """The repository to download, or None where weights are served in place."""
        return self.spec.source.modelscope or self.spec.source.huggingface

    @property
    def checked_in_place(self) -> bool:
        """Brought by hand, and to be compared with its record before each start."""
        return self.hub is None and self.spec.weights.verify is not None
