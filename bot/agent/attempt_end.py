"""Decides how an attempt has ended, from what is known when its last process is gone."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from bot.agent.trainer_contract import Ended
from bot.protocol.messages import EndCause, StopReason

_LONGEST_DETAIL = 2000
_TOLD_WARNINGS = 3


@dataclass(frozen=True, slots=True)
class EndFacts:
    """What is known of a training that is over.

    ``exit_code`` is negative for a signal and None where the agent was not the parent any more.
    ``grace_s`` is how long it was given between SIGTERM and SIGKILL.  ``oom_kills`` counts the
    processes that the kernel has ended here meanwhile for want of memory, None if nobody knows.
    """

    said: Ended | None
    stop: StopReason | None
    killed_by_agent: bool
    exit_code: int | None
    same_boot: bool
    grace_s: float
    warnings: tuple[str, ...] = ()
    oom_kills: int | None = None


def explain_end(facts: EndFacts) -> tuple[EndCause, str]:
    """Return the cause and a sentence; the trainer's own word counts before any guess."""
    cause, detail = _trainer_said(facts, facts.said) if facts.said else _without_a_word(facts)
    if facts.warnings:
        detail = " ".join(
            (detail, "Noted on the way:", "; ".join(facts.warnings[-_TOLD_WARNINGS:]))
        ).strip()
    return cause, detail[:_LONGEST_DETAIL]


def _trainer_said(facts: EndFacts, said: Ended) -> tuple[EndCause, str]:
    if said.cause is not EndCause.STOPPED:
        return said.cause, said.detail
    if facts.stop is None:
        # A host that shuts down sends SIGTERM to everyone. Nobody wanted this run to stop.
        return EndCause.KILLED, "The trainer was stopped by a signal that Berth had not sent."
    return _stopped_as(facts.stop), said.detail


def _without_a_word(facts: EndFacts) -> tuple[EndCause, str]:
    if not facts.same_boot:
        return EndCause.HOST_LOST, "The host restarted during the training."
    if facts.stop is not None and facts.killed_by_agent:
        cause = EndCause.EXPIRED if facts.stop is StopReason.EXPIRED else EndCause.KILLED
        return cause, f"The trainer did not stop within {facts.grace_s:g} s and was killed."
    if facts.stop is not None and facts.exit_code in (None, 0, -signal.SIGTERM):
        return _stopped_as(facts.stop), "The trainer ended on SIGTERM before it could report."
    return _unasked(facts.exit_code, facts.oom_kills)


_HOST_MEMORY_FULL = (
    "The kernel ended it because the memory of the host was full: take fewer data loader workers, "
    "cache=no, or a smaller batch."
)
_HINTS = {
    "SIGBUS": "Often the shared memory of the host (/dev/shm) is full: try workers=0.",
    "SIGSEGV": "That is a fault in a library or driver: try again on another host.",
    "SIGABRT": "That is a fault in a library or driver: the last log lines say which.",
    "SIGHUP": "Somebody on the host, or its service manager, ended it.",
}


def _unasked(exit_code: int | None, oom_kills: int | None) -> tuple[EndCause, str]:
    if exit_code is None:
        hint = f" {_HOST_MEMORY_FULL}" if oom_kills else ""
        return EndCause.CRASHED, f"The trainer is gone and left no word why.{hint}"
    if exit_code >= 0:
        return EndCause.CRASHED, f"The trainer exited with status {exit_code} and no report."
    name = _signal_name(-exit_code)
    hint = _why_killed(oom_kills) if name == "SIGKILL" else _HINTS.get(name, "")
    return EndCause.KILLED, f"The trainer was killed by {name}. {hint}".strip()


def _why_killed(oom_kills: int | None) -> str:
    if oom_kills:
        return _HOST_MEMORY_FULL
    if oom_kills is None:
        return "Often this is the kernel, when the memory of the host is full."
    return "Memory was not short: somebody on the host, or its service manager, ended it."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stopped_as(stop: StopReason) -> EndCause:
    return EndCause.EXPIRED if stop is StopReason.EXPIRED else EndCause.STOPPED
