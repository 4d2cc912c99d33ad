"""Why a run cannot go on as asked, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import errors
from bot.domain.states import RunState
from bot.slack.blocks.run_words import end_words
from bot.slack.blocks.sentence_words import Sentence, Words


def _nothing_to_continue(error: errors.NothingToContinue, words: Words) -> Sentence:
    number = f"R{error.reservation_id}"
    if error.run_state is None:
        return Sentence(
            f"{number} has no training that could go on.",
            f"{words.literal(f'`/gpu extend {number} 2h`')} keeps its GPUs for longer.",
        )
    if not RunState(error.run_state).is_over:
        return Sentence(
            f"The training of {number} is {_alive(error.run_state)}; there is nothing to start.",
            "Its card shows how far it is.",
        )
    done = error.run_state == RunState.SUCCEEDED
    says = f"The training of {number} {'is' if done else 'was'} {end_words(error.run_state)[1]}."
    if done:
        return Sentence(says, "Its results are on the card and in its thread.")
    return Sentence(says, f"{words.literal(f'`/gpu retry {number}`')} starts it again.")


def _alive(state: str) -> str:
    return {
        RunState.WAITING: "waiting for its start",
        RunState.STARTING: "starting",
        RunState.RUNNING: "running",
        RunState.STOPPING: "being stopped at a checkpoint",
        RunState.RETRYING: "about to be tried again",
    }[RunState(state)]


def _out_of_order(error: errors.OutOfOrder, words: Words) -> Sentence:
    source, target = f"R{error.source_id}", f"R{error.target_id}"
    says = (
        f"One training cannot be in two places: it is in {source} until"
        f" {words.instant(error.source_ends_at)} and goes on in {target} from"
        f" {words.instant(error.target_starts_at)}."
    )
    if error.reservation_id == error.source_id:
        return Sentence(says, f"Cancel or move {target} first, then {source} can go on for longer.")
    return Sentence(says, f"Choose a start after {source} ends, or shorten {source} first.")


WRITERS: Mapping[type[Any], Callable[[Any, Words], Sentence]] = {
    errors.NothingToContinue: _nothing_to_continue,
    errors.OutOfOrder: _out_of_order,
}
"""The words for each of these errors."""
