"""Signing in with Slack: OpenID Connect with PKCE, a state and a nonce.

https://docs.slack.dev/authentication/sign-in-with-slack
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bot.domain.errors import Unavailable
from bot.domain.sign_in_errors import SignInRefused
from bot.services.sign_in import Expected, Flow

log = structlog.get_logger(__name__)

SCOPE = "openid profile"
LEEWAY_S = 60
TIMEOUT_S = 10.0
USER_CLAIM, TEAM_CLAIM = "https://slack.com/user_id", "https://slack.com/team_id"


@dataclass(frozen=True)
class SlackSignIn:
    """Sends people to Slack, and reads who came back.

    Args:
        client_id: of the Slack app.
        client_secret: of the Slack app.
        slack_url: ``https://slack.com``, or that of a stand-in; also the issuer of its tokens.
        redirect_url: where Slack sends people back; the app's manifest must name it.
        workspace_id: asks for the id of the workspace that Berth belongs to.
    """

    client_id: str
    client_secret: str
    slack_url: str
    redirect_url: str
    workspace_id: Callable[[], Awaitable[str]]

    async def address(self, flow: Flow) -> str:
        """Return where to send somebody who wants to sign in.

        Raises:
            Unavailable: Slack does not tell which workspace this is.
        """
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "scope": SCOPE,
            "redirect_uri": self.redirect_url,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": code_challenge(flow.code_verifier),
            "code_challenge_method": "S256",
            "team": await self.workspace_id(),
        }
        return f"{self.slack_url}/openid/connect/authorize?{urlencode(asked)}"

    async def slack_user_id(self, code: str, expected: Expected) -> str:
        """Return who came back with ``code``.

        Raises:
            SignInRefused: what Slack answered does not prove it, or it is somebody of another
                workspace.
            Unavailable: Slack does not answer.
        """
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=self._is_slack) as client:
                id_token = await self._redeem(client, code, expected.code_verifier)
                keys = await client.get(f"{self.slack_url}/openid/connect/keys")
                keys.raise_for_status()
            claims = self._claims(id_token, keys.json(), expected.nonce)
            user_id, team_id = str(claims[USER_CLAIM]), str(claims[TEAM_CLAIM])
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            raise Unavailable from error
        except (JoseError, KeyError, TypeError, ValueError) as error:
            log.warning("sign_in_not_proven", why=repr(error))
            raise SignInRefused("not_proven") from error
        if team_id != await self.workspace_id():
            raise SignInRefused("other_workspace")
        return user_id

    def _claims(self, id_token: str, keys: dict[str, object], nonce: str) -> dict[str, object]:
        token = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=["RS256"])  # type: ignore[arg-type] # JSON
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.slack_url},
            aud={"essential": True, "value": self.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            sub={"essential": True},
        )
        registry.validate(token.claims)
        return dict(token.claims)

    @property
    def _is_slack(self) -> bool:
        # The environment's proxies must not see loopback requests.
        return self.slack_url.startswith("https:")

    async def _redeem(self, client: httpx.AsyncClient, code: str, code_verifier: str) -> str:
        """Return the id token for a code.

        https://docs.slack.dev/reference/methods/openid.connect.token

        Raises:
            SignInRefused: Slack does not take the code.
        """
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code": code,
            "code_verifier": code_verifier,
            "redirect_uri": self.redirect_url,
        }
        answer = await client.post(f"{self.slack_url}/api/openid.connect.token", data=form)
        answer.raise_for_status()
        told = answer.json()
        if not told.get("ok"):
            log.warning("sign_in_not_proven", why=str(told.get("error")))
            raise SignInRefused("not_proven")
        return str(told["id_token"])


def code_challenge(code_verifier: str) -> str:
    """Return what Slack is told of a verifier beforehand (PKCE).

    https://www.rfc-editor.org/rfc/rfc7636#section-4.2
    """
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
