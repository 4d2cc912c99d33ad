"""Whatever is done to a sealed log is found, wherever it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.audit_chain import (
    GENESIS,
    AuditRecord,
    Breach,
    Break,
    ChainCheck,
    Link,
    Seal,
    canonical,
    linked,
)

T0 = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
GAPS = st.lists(st.integers(1, 4), min_size=1, max_size=12)


def log_of(gaps: Sequence[int], data: object) -> list[AuditRecord]:
    records, number = [], 0
    for gap in gaps:
        number += gap
        records.append(
            AuditRecord(
                number, T0 + timedelta(seconds=number), "member", "U0BOB", "a.b", "run", number,
                "", data,
            )
        )  # fmt: skip
    return records


def check(records: Sequence[AuditRecord], links: Sequence[Link], seal: Seal) -> Break | None:
    found = ChainCheck()
    by_record = {record.event_id: record for record in records}
    by_link = {link.event_id: link for link in links}
    for event_id in sorted(by_record.keys() | by_link.keys()):
        found.event(event_id, by_record.get(event_id), by_link.get(event_id))
    found.seal(seal)
    return found.broken


def sealed(records: Sequence[AuditRecord]) -> tuple[list[Link], Seal]:
    links = linked(records, GENESIS, 0)
    first, last = links[0].event_id, links[-1].event_id
    return links, Seal(1, first, last, len(links), GENESIS, links[-1].sha256, T0)


@given(GAPS, PLAIN, st.data())
def test_every_single_change_is_found_and_named(
    gaps: list[int], data: object, draw: st.DataObject
) -> None:
    records = log_of(gaps, data)
    links, seal = sealed(records)
    assert check(records, links, seal) is None
    at = draw.draw(st.integers(0, len(records) - 1))
    event_id = records[at].event_id
    altered = [*records]
    altered[at] = replace(records[at], reason="x")
    assert check(altered, links, seal) == Break(Breach.ALTERED, event_id)
    removed = [record for record in records if record.event_id != event_id]
    assert check(removed, links, seal) == Break(Breach.REMOVED, event_id)
    without = [link for link in links if link.event_id != event_id]
    assert check(removed, without, seal) == Break(Breach.REMOVED, event_id)
    free = sorted(set(range(1, records[-1].event_id)) - {record.event_id for record in records})
    if free:
        new = draw.draw(st.sampled_from(free))
        inserted = [*records, replace(records[0], event_id=new)]
        assert check(inserted, links, seal) == Break(Breach.INSERTED, new)


@given(GAPS.filter(lambda gaps: len(gaps) > 1), st.data())
def test_a_change_with_all_its_later_links_made_anew_does_not_fit_the_seal(
    gaps: list[int], draw: st.DataObject
) -> None:
    records = log_of(gaps, {})
    _, seal = sealed(records)
    at = draw.draw(st.integers(0, len(records) - 1))
    forged = [*records]
    forged[at] = replace(records[at], actor="U0EVE")
    assert check(forged, linked(forged, GENESIS, 0), seal) == Break(Breach.SEAL, seal.last_event_id)


@given(PLAIN)
def test_the_canonical_form_does_not_depend_on_order_or_zone(data: object) -> None:
    record = log_of([1], {"b": data, "a": 1})[0]
    turned = replace(record, data={"a": 1, "b": data})
    elsewhere = replace(turned, at=record.at.astimezone(UTC))
    assert canonical(record) == canonical(elsewhere)
