"""People, hosts and what they do, for tests of the services."""

from __future__ import annotations

from bot.domain.people import Member
from bot.domain.run_spec import TrainingSpec
from bot.protocol.messages import GpuInventory, RegisterRequest
from bot.services import hosts, people
from bot.services.transaction import UseCases

TINY_RUN = TrainingSpec(model="tiny.yaml", data="shapes/data.yaml", epochs=3, imgsz=64, batch=8)


def a_member(berth: UseCases, slack_user_id: str = "U0ALICE", *, admin: bool = False) -> Member:
    """Return a member, joined if new."""
    return berth.write(
        people.identify,
        slack_user_id,
        name=slack_user_id.removeprefix("U0").title(),
        time_zone="Europe/Paris",
        is_workspace_admin=admin,
    )


def a_host(berth: UseCases, name: str = "host1", gpus: int = 4) -> int:
    """Register a host with simulated GPUs and return its id."""
    inventory = tuple(
        GpuInventory(
            uuid=f"GPU-{name}-{index}", model="A100", memory_mib=81920, index=index, simulated=True
        )
        for index in range(gpus)
    )
    request = RegisterRequest(
        protocol_version=1, agent_version="test", host_name=name, gpus=inventory
    )
    return berth.write(hosts.register, request).host_id
