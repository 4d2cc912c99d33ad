"""What the pages in the browser need of the world: Slack's word about people, and an address."""

from __future__ import annotations

from datetime import UTC

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.config import ServeSettings
from bot.domain.errors import Unavailable
from bot.domain.policy import Policy
from bot.slack.identity import Directory
from bot.slack.standing import Standing
from bot.web.api.refusals import SentenceIn
from bot.web.open_id import SlackSignIn
from bot.web.pages.application import PagesOptions

SLACK_URL = "https://slack.com"
SIGNED_IN_PATH = "/sign-in/slack/done"


def public_url(settings: ServeSettings) -> str:
    """Return where browsers reach Berth, without a trailing slash."""
    return settings.public_url or f"http://{settings.listen_host}:{settings.listen_port}"


def pages_options(
    settings: ServeSettings, client: AsyncWebClient, directory: Directory, sentence_in: SentenceIn
) -> PagesOptions:
    """Return what the pages need, as the settings describe it."""
    workspace = _Workspace(client)
    return PagesOptions(
        public_url=public_url(settings),
        session_s=int(Policy().web_session.total_seconds()),
        slack=_slack_sign_in(settings, workspace),
        permalink=workspace.permalink,
        member_of=directory.member,
        standing_of=Standing(directory),
        sentence_of=lambda error: sentence_in(error, UTC),
        sentence_in=sentence_in,
    )


def _slack_sign_in(settings: ServeSettings, workspace: _Workspace) -> SlackSignIn | None:
    if settings.slack_client_id is None or settings.slack_client_secret is None:
        return None
    api_url = settings.slack_api_url
    return SlackSignIn(
        client_id=settings.slack_client_id,
        client_secret=settings.slack_client_secret.get_secret_value(),
        slack_url=api_url.rstrip("/").removesuffix("/api") if api_url else SLACK_URL,
        redirect_url=f"{public_url(settings)}{SIGNED_IN_PATH}",
        workspace_id=workspace.team_id,
    )


class _Workspace:
    """Asks Slack once which workspace the bot's token belongs to, and where it is."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._told: dict[str, str] = {}

    async def team_id(self) -> str:
        """Return the workspace's id.

        Raises:
            Unavailable: Slack does not answer.
        """
        return (await self._tell())["team_id"]

    async def permalink(self, channel_id: str, ts: str) -> str:
        """Return the address of a message; empty while Slack does not answer.

        https://docs.slack.dev/reference/methods/chat.getPermalink describes the form.
        """
        try:
            url = (await self._tell())["url"]
        except Unavailable:
            return ""
        return f"{url}archives/{channel_id}/p{ts.replace('.', '')}"

    async def _tell(self) -> dict[str, str]:
        if not self._told:
            try:
                answer = await self._client.auth_test()
            except (SlackApiError, OSError, TimeoutError) as error:
                raise Unavailable from error
            self._told = {name: str(answer[name]) for name in ("team_id", "url")}
        return self._told
