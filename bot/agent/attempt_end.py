"""Decides how an attempt has ended, from what is known when its last process is gone."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from bot.agent.trainer_contract import Ended
from bot.protocol.messages import EndCause, StopReason

_LONGEST_DETAIL = 2000


@dataclass(frozen=True, slots=True)
class EndFacts:
    """What is known of a training that is over.

    ``exit_code`` is negative for a signal and None where the agent was not the parent any more.
    ``grace_s`` is how long it was given between SIGTERM and SIGKILL.
    """

    said: Ended | None
    stop: StopReason | None
    killed_by_agent: bool
    exit_code: int | None
    same_boot: bool
    grace_s: float
    warnings: tuple[str, ...] = ()


def explain_end(facts: EndFacts) -> tuple[EndCause, str]:
    """Return the cause and a sentence; the trainer's own word counts before any guess."""
    cause, detail = _trainer_said(facts, facts.said) if facts.said else _without_a_word(facts)
    if facts.warnings:
        detail = " ".join((detail, "Noted on the way:", "; ".join(facts.warnings))).strip()
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
    return _unasked(facts.exit_code)


def _unasked(exit_code: int | None) -> tuple[EndCause, str]:
    if exit_code is None:
        return EndCause.CRASHED, "The trainer is gone and left no word why."
    if exit_code >= 0:
        return EndCause.CRASHED, f"The trainer exited with status {exit_code} and no report."
    name = _signal_name(-exit_code)
    hint = " Often this is the kernel, out of memory." if name == "SIGKILL" else ""
    return EndCause.KILLED, f"The trainer was killed by {name}.{hint}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stopped_as(stop: StopReason) -> EndCause:
    return EndCause.EXPIRED if stop is StopReason.EXPIRED else EndCause.STOPPED
