import pytest

from bot.domain.states import (
    RESERVATION_MOVES,
    RUN_MOVES,
    IllegalMove,
    ReservationState,
    RunState,
    move_reservation,
    move_run,
)


def test_every_state_has_its_row() -> None:
    assert set(RESERVATION_MOVES) == set(ReservationState)
    assert set(RUN_MOVES) == set(RunState)


@pytest.mark.parametrize("old", ReservationState)
@pytest.mark.parametrize("new", ReservationState)
def test_a_reservation_moves_along_its_table_only(
    old: ReservationState, new: ReservationState
) -> None:
    if old is new or new in RESERVATION_MOVES[old]:
        assert move_reservation(old, new) is new
    else:
        with pytest.raises(IllegalMove, match=f"{old} -> {new}"):
            move_reservation(old, new)


@pytest.mark.parametrize("old", RunState)
@pytest.mark.parametrize("new", RunState)
def test_a_run_moves_along_its_table_only(old: RunState, new: RunState) -> None:
    if old is new or new in RUN_MOVES[old]:
        assert move_run(old, new) is new
    else:
        with pytest.raises(IllegalMove, match=f"{old} -> {new}"):
            move_run(old, new)


def test_nothing_leaves_a_state_that_is_over_and_everything_else_can_get_there() -> None:
    assert {state for state in ReservationState if state.is_over} == {
        ReservationState.ENDED,
        ReservationState.CANCELLED,
    }
    for reservation_state in ReservationState:
        assert reservation_state.is_over == (not RESERVATION_MOVES[reservation_state])
    for run_state in RunState:
        if run_state.is_over:
            assert RUN_MOVES[run_state] <= {RunState.WAITING}, "only a person tries it again"
        reached, todo = {run_state}, [run_state]
        while todo:
            for following in RUN_MOVES[todo.pop()] - reached:
                reached.add(following)
                todo.append(following)
        assert any(state.is_over for state in reached)


def test_a_run_that_was_started_is_never_cancelled_it_ends() -> None:
    for state in (RunState.STARTING, RunState.RUNNING, RunState.STOPPING):
        assert RunState.CANCELLED not in RUN_MOVES[state]
