"""What hosts do, as rules of the machine of all commands."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from bot.protocol.messages import EndCause
from tests.support.machine_world import World

hosts = st.integers(0, 1)
causes = st.sampled_from([EndCause.CRASHED, EndCause.OUT_OF_MEMORY, EndCause.SUCCEEDED])


class HostRules(World):
    """Runs that go on, fail and end; hosts that fall silent, hang, and lose a GPU."""

    @rule(which=hosts, turns=st.integers(1, 3))
    def runs_go_on(self, which: int, turns: int) -> None:
        agent = self.agents[which]
        for _ in range(turns):
            agent.work()  # cut off, it goes on with what it has
            self.host_reports(agent)

    @rule(which=hosts, cause=causes)
    def runs_end(self, which: int, cause: EndCause) -> None:
        for trainer in self.agents[which].trainers.values():
            self.agents[which].finish(trainer, cause)
        self.host_reports(self.agents[which])

    @rule(which=hosts, index=st.integers(0, 50))
    def an_old_report_arrives_again(self, which: int, index: int) -> None:
        agent = self.agents[which]
        if agent.host_id not in self.silent:
            with self.one_transaction():
                agent.repeat(index)

    @rule(which=hosts, index=st.integers(0, 2))
    def somebody_works_by_hand_or_stops(self, which: int, index: int) -> None:
        self.agents[which].busy ^= {index}

    @rule(which=hosts)
    def a_host_falls_silent_or_comes_back(self, which: int) -> None:
        self.silent ^= {self.agents[which].host_id}
        self.host_reports(self.agents[which])

    @rule(which=hosts)
    def an_agent_hangs_or_obeys_again(self, which: int) -> None:
        """Let it report as ever, and stop nothing: a process that does not die."""
        self.hanging ^= {self.agents[which].host_id}

    @rule(which=hosts, index=st.integers(0, 2))
    def a_gpu_falls_off_the_bus_or_is_back(self, which: int, index: int) -> None:
        agent = self.agents[which]
        agent.missing = set() if agent.missing else {index}
        if agent.host_id not in self.silent:
            with self.one_transaction():
                agent.register()
