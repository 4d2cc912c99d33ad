"""Feeds as iCalendar, as calendar programs read them.

https://datatracker.ietf.org/doc/html/rfc5545
"""

from __future__ import annotations

from datetime import UTC, timedelta

from icalendar import Calendar, Event

from bot.domain.feeds import Feed, FeedEvent

REFRESH = timedelta(minutes=15)
_TEXT_CHARS = 500


def calendar_of(feed: Feed, public_url: str) -> bytes:
    """Return a feed as iCalendar: the same bytes for the same feed.

    A reservation keeps its UID for ever; ``SEQUENCE`` grows with each change, so that programs
    move what they show, and what was cancelled says so instead of only being gone.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Berth//GPU reservations//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"GPUs: {_one_line(feed.name)}")
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT15M")
    for event in feed.events:
        calendar.add_component(_event(event, public_url))
    return bytes(calendar.to_ical())


def _event(event: FeedEvent, public_url: str) -> Event:
    count = len(event.gpu_names)
    shown = Event()
    shown.add("uid", f"reservation-{event.reservation_id}@berth")
    shown.add("sequence", event.sequence)
    shown.add("dtstamp", event.changed_at.astimezone(UTC))
    shown.add("last-modified", event.changed_at.astimezone(UTC))
    shown.add("created", event.created_at.astimezone(UTC))
    shown.add("dtstart", event.window.start.astimezone(UTC))
    shown.add("dtend", event.window.end.astimezone(UTC))
    who = f"{_one_line(event.holder_name)} ({_one_line(event.team_name)})"
    shown.add("summary", f"R{event.reservation_id}: {count} GPU{'s' * (count != 1)}, {who}")
    shown.add("location", ", ".join(event.gpu_names))
    url = f"{public_url}/reservations/{event.reservation_id}"
    shown.add("description", f"{event.note[:_TEXT_CHARS]}\n{event.priority.upper()}\n{url}".strip())
    shown.add("url", url)
    shown.add("status", "CANCELLED" if event.cancelled else "CONFIRMED")
    shown.add("transp", "TRANSPARENT")
    return shown


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_TEXT_CHARS]
