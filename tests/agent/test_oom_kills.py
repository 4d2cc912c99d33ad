"""The kernel's count of processes that it has ended for want of memory."""

from __future__ import annotations

from pathlib import Path

from bot.agent.oom_kills import read_oom_kills


def test_the_own_control_group_counts_before_the_host(tmp_path: Path) -> None:
    group = tmp_path / "groups/berth.service"
    group.mkdir(parents=True)
    events, own, vmstat = group / "memory.events", tmp_path / "cgroup", tmp_path / "vmstat"
    own.write_text("1:cpu:/\n0::/berth.service\n")
    events.write_text("low 0\noom 4\noom_kill 3\noom_group_kill 0\n")
    vmstat.write_text("nr_free_pages 9\noom_kill 7\n")
    assert read_oom_kills(tmp_path / "groups", own, vmstat) == 3
    events.unlink()
    assert read_oom_kills(tmp_path / "groups", own, vmstat) == 7
    vmstat.write_text("oom_kill many\n")
    assert read_oom_kills(tmp_path / "groups", own, vmstat) is None
    own.unlink()
    assert read_oom_kills(tmp_path / "groups", own, tmp_path / "absent") is None
