"""Sign in with Slack, as the stand-in does it: one click says who you are.

https://docs.slack.dev/authentication/sign-in-with-slack
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from bot.sandbox.errors import Json, SlackError
from bot.sandbox.options import TEAM_ID
from bot.sandbox.state import StandInState

CODE_LIFE_S = 600
TOKEN_LIFE_S = 300
LOOPBACK = {"127.0.0.1", "localhost"}
POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Grant:
    """What a code is good for, once."""

    user: str
    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str
    issued_at_s: float


class OpenIdApi:
    """Serves OpenID Connect of one stand-in; its issuer is the stand-in's own address."""

    def __init__(self, state: StandInState) -> None:
        self._state = state
        self._grants: dict[str, Grant] = {}
        self._user_of_token: dict[str, str] = {}

    @cached_property
    def _key(self) -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": "stand-in", "use": "sig", "alg": "RS256"})

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this API."""
        return [
            web.get("/openid/connect/authorize", self._choose),
            web.get("/openid/connect/allow", self._allow),
            web.get("/openid/connect/keys", self._keys),
            web.get("/.well-known/openid-configuration", self._configuration),
            web.post("/api/openid.connect.token", self._token),
            web.route("*", "/api/openid.connect.userInfo", self._user_info),
        ]

    async def _choose(self, request: web.Request) -> web.StreamResponse:
        """Show who one may be. Nothing is kept yet: the links repeat what was asked."""
        try:
            self._check(request)
        except SlackError as refusal:
            return web.json_response(refusal.answer(), status=400)
        people = self._state.workspace.people.values()
        links = [
            (person.real_name, urlencode({**request.query, "user": person.id}))
            for person in people
            if not person.is_bot and not person.deleted
        ]
        items = "".join(
            f'<li><a href="/openid/connect/allow?{html.escape(query)}">'
            f"Continue as {html.escape(name)}</a></li>"
            for name, query in links
        )
        refused = urlencode(self._refusal(request))
        body = (
            '<!doctype html><html lang="en"><title>Sign in with Slack (stand-in)</title>'
            "<h1>Berth asks who you are</h1>"
            f"<ul>{items}</ul>"
            f'<p><a href="{html.escape(request.query["redirect_uri"])}?{html.escape(refused)}">'
            "Cancel</a></p></html>"
        )
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        return web.Response(text=body, content_type="text/html", headers=headers)

    async def _allow(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check(request)
            self._state.human(request.query.get("user", ""))
        except SlackError as refusal:
            return web.json_response(refusal.answer(), status=400)
        asked = request.query
        code = secrets.token_urlsafe(16)
        self._grants[code] = Grant(
            user=asked["user"],
            client_id=asked["client_id"],
            redirect_uri=asked["redirect_uri"],
            nonce=asked.get("nonce", ""),
            challenge=asked.get("code_challenge", ""),
            issued_at_s=self._state.clock.now().timestamp(),
        )
        back = urlencode({"code": code, "state": asked.get("state", "")})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    def _check(self, request: web.Request) -> None:
        """Refuse what Slack would not show a page for.

        Raises:
            SlackError: `bad_client_id`, `bad_redirect_uri`, `invalid_scope` or
                `invalid_team_for_non_distributed_app`.
        """
        asked = request.query
        if asked.get("client_id") != self._state.options.client_id:
            raise SlackError("bad_client_id")
        # The stand-in has no list of redirect URLs; it sends nobody away from this machine.
        if urlsplit(asked.get("redirect_uri", "")).hostname not in LOOPBACK:
            raise SlackError("bad_redirect_uri")
        if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
            raise SlackError("invalid_scope")
        if asked.get("team", TEAM_ID) != TEAM_ID:
            raise SlackError("invalid_team_for_non_distributed_app")

    @staticmethod
    def _refusal(request: web.Request) -> dict[str, str]:
        return {"error": "access_denied", "state": request.query.get("state", "")}

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        logged = {name: form.get(name) for name in ("client_id", "grant_type", "redirect_uri")}
        try:
            answer = {"ok": True, **self._redeem(form)}
        except SlackError as refusal:
            answer = refusal.answer()
        now = self._state.clock.now().isoformat()
        self._state.log.call("openid.connect.token", logged, now, 200, answer.get("error"))
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def _redeem(self, form: dict[str, str]) -> Json:
        options = self._state.options
        if form.get("client_id") != options.client_id:
            raise SlackError("invalid_client_id")
        if not hmac.compare_digest(form.get("client_secret", ""), options.client_secret):
            raise SlackError("bad_client_secret")
        grant = self._grants.pop(form.get("code", ""), None)
        now_s = self._state.clock.now().timestamp()
        if grant is None or now_s > grant.issued_at_s + CODE_LIFE_S:
            raise SlackError("invalid_code")
        if form.get("redirect_uri") != grant.redirect_uri:
            raise SlackError("bad_redirect_uri")
        if grant.challenge and _challenge(form.get("code_verifier", "")) != grant.challenge:
            raise SlackError("invalid_code_verifier")
        access_token = f"xoxp-{secrets.token_hex(12)}"
        self._user_of_token[access_token] = grant.user
        claims = {
            "iss": self._state.base_url,
            "aud": grant.client_id,
            "exp": int(now_s) + TOKEN_LIFE_S,
            "iat": int(now_s),
            "nonce": grant.nonce,
            **self._person(grant.user),
        }
        id_token = jwt.encode({"alg": "RS256", "kid": "stand-in"}, claims, self._key)
        return {"access_token": access_token, "token_type": "Bearer", "id_token": id_token}

    async def _user_info(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer").strip()
        user = self._user_of_token.get(token)
        if user is None:
            return web.json_response(SlackError("invalid_auth").answer())
        return web.json_response({"ok": True, **self._person(user)})

    def _person(self, user: str) -> Json:
        person = self._state.workspace.person(user)
        return {
            "sub": person.id,
            "https://slack.com/user_id": person.id,
            "https://slack.com/team_id": TEAM_ID,
            "name": person.real_name,
        }

    async def _keys(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(KeySet([self._key]).as_dict(private=False))

    async def _configuration(self, _request: web.Request) -> web.StreamResponse:
        base = self._state.base_url
        return web.json_response(
            {
                "issuer": base,
                "authorization_endpoint": f"{base}/openid/connect/authorize",
                "token_endpoint": f"{base}/api/openid.connect.token",
                "userinfo_endpoint": f"{base}/api/openid.connect.userInfo",
                "jwks_uri": f"{base}/openid/connect/keys",
                "scopes_supported": ["openid", "profile", "email"],
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
