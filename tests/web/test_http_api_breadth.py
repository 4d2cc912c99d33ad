"""Whatever a sub-command of Slack can do, a program can do too."""

from __future__ import annotations

from bot.slack.inbound.gpu_command import SUB_COMMANDS
from tests.web.test_http_api_form import operations

ROUTES_OF: dict[str, tuple[str, ...]] = {
    "": ("GET /status",),
    "reserve": ("POST /reservations", "POST /series"),
    "status": ("GET /status", "GET /gpus"),
    "share": ("GET /shares",),
    "mine": ("GET /reservations",),
    "cancel": ("POST /reservations/{number}/cancel",),
    "series": (
        "GET /series",
        "POST /series/{number}/cancel",
        "POST /reservations/{number}/skip",
    ),
    "extend": ("POST /reservations/{number}/extend",),
    "shorten": ("POST /reservations/{number}/shorten",),
    "move": ("POST /reservations/{number}/move",),
    "plan": ("POST /plan",),
    "continue": ("POST /reservations/{number}/continue",),
    "retry": ("POST /reservations/{number}/retry",),
    "transfer": (
        "POST /transfers",
        "POST /transfers/{number}/accept",
        "POST /transfers/{number}/decline",
        "POST /transfers/{number}/withdraw",
    ),
    "swap": (
        "POST /swaps",
        "POST /swaps/{number}/accept",
        "POST /swaps/{number}/decline",
        "POST /swaps/{number}/withdraw",
    ),
    "waitlist": (
        "GET /waitlist",
        "POST /waitlist",
        "POST /waitlist/{number}/accept",
        "POST /waitlist/{number}/decline",
        "POST /waitlist/{number}/leave",
    ),
    "queue": ("GET /queue", "POST /queue", "POST /queue/{number}/leave"),
    "maintenance": (
        "GET /maintenance",
        "POST /maintenance",
        "POST /maintenance/{number}/call-off",
    ),
    "drain": ("POST /hosts/{name}/drain",),
    "undrain": ("POST /hosts/{name}/undrain",),
    "broken": ("POST /gpus/broken",),
    "repaired": ("POST /gpus/repaired",),
    "teams": ("GET /teams",),
    "team": ("POST /teams", "PATCH /teams/{name}"),
    "role": ("PUT /members/{person}/role",),
    "member": ("PUT /members/{person}/team",),
    "hosts": ("GET /hosts",),
    "train": ("POST /reservations", "GET /templates/{name}"),
    "template": ("GET /templates", "PUT /templates/{name}", "DELETE /templates/{name}"),
    "logs": ("GET /runs/{number}/log", "GET /runs/{number}"),
    "audit": ("GET /audit", "GET /audit/export"),
    "report": ("GET /report", "GET /report.csv"),
    "processes": (
        "GET /processes",
        "POST /processes/{number}/adopt",
        "POST /processes/{number}/deny",
        "POST /processes/{number}/stop",
    ),
}
"""The routes that do what a sub-command does, and its buttons."""

ONLY_IN_SLACK = {
    "calendar": "a picture for a channel, and secret addresses that their owner alone may see",
    "help": "for people; programs have the contract at /openapi.json",
    "web": "signs a person in to the pages; a program has its token",
}
"""Sub-commands without a route, and why. Of `team`, only `sync` is missing: Slack alone knows who
is in a user group."""


def test_every_sub_command_has_its_routes() -> None:
    assert set(SUB_COMMANDS) <= set(ROUTES_OF) | set(ONLY_IN_SLACK)
    assert not set(ROUTES_OF) & set(ONLY_IN_SLACK)


def test_every_route_that_is_named_exists() -> None:
    there = {name.replace("/api/v1", "", 1) for name, _ in operations()}
    assert {route for routes in ROUTES_OF.values() for route in routes} <= there
