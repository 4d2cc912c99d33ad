"""When to ask about GPUs that nothing uses: never without evidence, never too early."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.policy import Policy
from bot.domain.time_window import TimeWindow
from bot.domain.usage import Evidence, GpuUse, UsageQuestion, is_evident, look
from tests.strategies import MODEST, MONDAY

POLICY = Policy()
WINDOW = TimeWindow(MONDAY, MONDAY + timedelta(hours=4))

instants = st.integers(-120, 300).map(lambda minutes: MONDAY + timedelta(minutes=minutes))
maybe = st.none() | instants
uses = st.builds(GpuUse, maybe, maybe, maybe)
evidences = st.builds(
    Evidence,
    st.just(WINDOW),
    st.lists(uses, min_size=1, max_size=4).map(tuple),
    st.booleans(),
    st.booleans(),
    maybe,
)


@MODEST
@given(evidences, instants)
def test_who_is_asked_has_done_nothing_for_long_enough_and_that_is_evident(
    evidence: Evidence, now: datetime
) -> None:
    seen = look(evidence, now, POLICY)
    assert seen.again_at > now or seen.again_at >= WINDOW.end
    if seen.question is None:
        return
    assert is_evident(evidence, now, POLICY)
    assert not evidence.run_unfinished
    assert evidence.kept_until is None or evidence.kept_until <= now
    assert now + POLICY.usage_answer_within < WINDOW.end
    assert seen.since is not None
    quiet = {
        UsageQuestion.NO_SHOW: POLICY.no_show_after,
        UsageQuestion.IDLE: POLICY.idle_after,
    }
    assert now - seen.since >= quiet[seen.question]
    for gpu in evidence.gpus:
        assert gpu.busy_at is None or gpu.busy_at <= max(seen.since, WINDOW.start)
        if seen.question is UsageQuestion.NO_SHOW:
            assert gpu.process_at is None or gpu.process_at < WINDOW.start


@MODEST
@given(st.integers(15, 200), st.integers(1, 4))
def test_nobody_came_is_asked_for_as_long_as_an_answer_can_matter(minutes: int, gpus: int) -> None:
    now = MONDAY + timedelta(minutes=minutes)
    evidence = Evidence(WINDOW, (GpuUse(now, None, None),) * gpus, True, False)
    assert look(evidence, now, POLICY).question is UsageQuestion.NO_SHOW
