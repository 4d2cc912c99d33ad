"""What can be chosen about the stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TEAM_ID = "T0BERTH"
TEAM_DOMAIN = "berth"
APP_ID = "A0BERTH"
BOT_USER_ID = "UBERTHBOT"
BOT_ID = "BBERTH"


@dataclass(frozen=True)
class SlashCommand:
    """A slash command that the app's manifest would declare.

    With ``should_escape`` the console writes ``@bob`` as ``<@U123|bob>``, as Slack does.
    https://docs.slack.dev/interactivity/implementing-slash-commands#escaping
    """

    command: str
    description: str
    usage_hint: str
    should_escape: bool = False


DEFAULT_COMMANDS = (
    SlashCommand(
        "/gpu",
        "Book, watch and release GPUs",
        "[book | status | mine | release | help]",
        should_escape=True,
    ),
)


@dataclass(frozen=True)
class StandInOptions:
    """Settings of one stand-in. The defaults behave like Slack.

    Attributes:
        port: TCP port on 127.0.0.1; 0 takes a free one.
        mode: how the app is reached: over its own Socket Mode connections or at `request_url`.
        request_url: where signed requests are posted in mode "http".
        ack_deadline_s: how long the app has to acknowledge.
            https://docs.slack.dev/interactivity/handling-user-interaction
        trigger_life_s: how long a trigger_id lives.
        response_url_life_s: how long a response_url lives.
        response_url_uses: how often a response_url may be used.
        redelivery_delays_s: waits before the redeliveries of an unacknowledged event.
            https://docs.slack.dev/apis/events-api
        redelivery_scale: factor on those waits, so that tests need not take six minutes.
        rate_limits: whether calls over the published tiers get 429.
        echo_own_messages: whether the app's own messages come back to it as events.
        subscribed_events: event types that are delivered.
        unfurl_domains: hosts whose links are told to the app when somebody writes them.
        commands: the slash commands that exist.
    """

    port: int = 0
    mode: Literal["socket", "http"] = "socket"
    request_url: str | None = None
    bot_token: str = "xoxb-local"  # noqa: S105 - the stand-in's fixed token, no secret
    app_token: str = "xapp-local"  # noqa: S105 - the stand-in's fixed token, no secret
    signing_secret: str = "local-signing-secret"  # noqa: S105 - the stand-in's, no secret
    client_id: str = "0000.local"
    client_secret: str = "local-client-secret"  # noqa: S105 - the stand-in's, no secret
    ack_deadline_s: float = 3.0
    trigger_life_s: float = 3.0
    response_url_life_s: float = 1800.0
    response_url_uses: int = 5
    redelivery_delays_s: tuple[float, ...] = (0.0, 60.0, 300.0)
    redelivery_scale: float = 1.0
    rate_limits: bool = True
    echo_own_messages: bool = False
    subscribed_events: frozenset[str] = frozenset(
        {"message", "app_mention", "app_home_opened", "link_shared"}
    )
    unfurl_domains: tuple[str, ...] = ("127.0.0.1", "localhost")
    commands: tuple[SlashCommand, ...] = DEFAULT_COMMANDS

    def __post_init__(self) -> None:
        """Refuse HTTP mode without an address to post to."""
        if self.mode == "http" and not self.request_url:
            raise ValueError("mode 'http' needs a request_url")
