"""``/reservations/12``: what the card in Slack shows, and the way to it."""

from __future__ import annotations

from bot.domain.errors import UnknownReservation
from bot.services import card_places, queries
from bot.web.pages.page import Content, Page, Visit

MOST = 2**53


async def _shows(visit: Visit) -> Content:
    number = int(visit.request.path_params["number"])
    if not 0 < number < MOST:
        raise UnknownReservation(number)
    view = await visit.run(queries.reservation, number)
    place = await visit.run(card_places.card_place, number)
    in_slack = await visit.permalink(place.channel_id, place.ts) if place else ""
    values = {
        "view": view,
        "in_slack": in_slack,
        "length": view.window.end - view.window.start,
    }
    return Content("reservation.html", values, f"R{number}")


PAGE = Page("/reservations/{number:int}", "Reservation", _shows)
