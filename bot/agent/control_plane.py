"""The HTTP client of the control plane; see `bot.protocol.messages` for the paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import httpx
from pydantic import ValidationError

from bot.protocol.messages import (
    DesiredState,
    Message,
    RegisterRequest,
    RegisterResponse,
    Report,
    ReportResponse,
    UploadState,
)
from bot.protocol.version import PROTOCOL_VERSION, is_compatible

_Answer = TypeVar("_Answer", bound=Message)
_TIMEOUT_S = 15.0
_FILE_TIMEOUT_S = httpx.Timeout(_TIMEOUT_S, read=120.0, write=60.0)
# Small on purpose: what is larger is given back to the system late, if ever.
_PIECE_BYTES = 64 * 1024


class ControlPlaneError(Exception):
    """The control plane did not do what was asked; asking again may help."""


class TokenRefused(ControlPlaneError):
    """The agent's token is unknown or revoked; only an operator can help."""


class HostUnknown(ControlPlaneError):
    """The control plane does not know this host id; registering again helps."""


class MessageRefused(ControlPlaneError):
    """The control plane understood and declined; the same message will be declined again."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class IncompatibleControlPlane(Exception):
    """The two speak versions that cannot understand each other; one must be upgraded."""


@dataclass(frozen=True, slots=True)
class FileToSend:
    """A file of an attempt as it is announced. ``epochs_done`` where it is a checkpoint."""

    attempt_id: int
    fence: int
    name: str
    sha256: str
    size_bytes: int
    epochs_done: int | None = None

    def path(self, kind: str) -> str:
        """Return where it goes: ``artifacts`` in one piece, ``uploads`` in chunks."""
        return f"/attempts/{self.attempt_id}/{kind}/{self.name}"

    def headers(self) -> dict[str, str]:
        """Return what every request about it says."""
        told = {
            "X-Berth-Fence": str(self.fence),
            "X-Berth-Sha256": self.sha256,
            "X-Berth-Size": str(self.size_bytes),
        }
        if self.epochs_done is not None:
            told["X-Berth-Epochs-Done"] = str(self.epochs_done)
        return told


class ControlPlane:
    """One connection pool to one control plane. Use as an async context manager."""

    def __init__(self, url: str, token: str, *, proxies_from_environment: bool = True) -> None:
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/agent/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_S,
            trust_env=proxies_from_environment,
            limits=httpx.Limits(max_connections=6),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        await self._client.aclose()

    async def register(self, request: RegisterRequest) -> RegisterResponse:
        """Announce the host. Idempotent.

        Raises:
            IncompatibleControlPlane: one of the two is too old.
            ControlPlaneError: it could not be done now.
        """
        answer = await self._post("/register", request, RegisterResponse)
        if not is_compatible(answer.protocol_version):
            raise IncompatibleControlPlane(
                f"The control plane speaks protocol version {answer.protocol_version}, this agent "
                f"{PROTOCOL_VERSION}. Upgrade the control plane."
            )
        return answer

    async def poll_desired(self, host_id: int, revision: int, wait_s: float) -> DesiredState:
        """Return the desired state, at the latest after ``wait_s`` seconds.

        Raises:
            ControlPlaneError: it could not be had now.
        """
        query = {"host_id": host_id, "revision": revision, "wait_s": wait_s}
        timeout = httpx.Timeout(_TIMEOUT_S, read=wait_s + _TIMEOUT_S)
        request = self._client.build_request("GET", "/desired", params=query, timeout=timeout)
        return _parse(await self._send(request), DesiredState)

    async def report(self, report: Report) -> ReportResponse:
        """Report what is observed. Idempotent.

        Raises:
            ControlPlaneError: it could not be done now.
        """
        return await self._post("/report", report, ReportResponse)

    async def put_artifact(self, file: FileToSend, path: Path) -> None:
        """Send one file in one piece. Idempotent.

        Raises:
            ControlPlaneError: it could not be done now; `MessageRefused` with status 409 means
                that the fence is stale, with 413 that the file is too large.
            OSError: the file cannot be read.
        """
        request = self._client.build_request(
            "PUT",
            file.path("artifacts"),
            content=_pieces(path, 0, file.size_bytes),
            headers={**file.headers(), "Content-Length": str(file.size_bytes)},
            timeout=_FILE_TIMEOUT_S,
        )
        await self._send(request)

    async def upload_state(self, file: FileToSend) -> UploadState:
        """Return how much of a file in chunks has arrived.

        Raises:
            ControlPlaneError: it could not be had now.
        """
        request = self._client.build_request("GET", file.path("uploads"), headers=file.headers())
        return _parse(await self._send(request), UploadState)

    async def put_chunk(
        self, file: FileToSend, path: Path, first_byte: int, size_bytes: int
    ) -> UploadState:
        """Send one chunk and return how much has arrived. Idempotent.

        Raises:
            ControlPlaneError: it could not be done now; `MessageRefused` with status 422 means
                that the whole is damaged and begins anew.
            OSError: the file cannot be read.
        """
        request = self._client.build_request(
            "PUT",
            file.path("uploads"),
            content=_pieces(path, first_byte, size_bytes),
            headers={
                **file.headers(),
                "X-Berth-Offset": str(first_byte),
                "Content-Length": str(size_bytes),
            },
            timeout=_FILE_TIMEOUT_S,  # with the last one the whole is put together and checked
        )
        return _parse(await self._send(request), UploadState)

    async def download(
        self, attempt_id: int, name: str, sha256: str, target: Path, done: int
    ) -> None:
        """Append what is missing behind ``done`` bytes to ``target``, or write it anew.

        Raises:
            ControlPlaneError: it broke off; what has come stays. `HostUnknown`: there is no such
                file, or no longer.
            OSError: it could not be written.
        """
        headers = {"Range": f"bytes={done}-", "If-Range": f'"{sha256}"'} if done else {}
        path = f"/attempts/{attempt_id}/artifacts/{name}"
        try:
            async with self._client.stream(
                "GET", path, headers=headers, timeout=_FILE_TIMEOUT_S
            ) as response:
                if not response.is_success:
                    await response.aread()
                _raise_for(response)
                is_rest = response.status_code == httpx.codes.PARTIAL_CONTENT
                with target.open("ab" if is_rest else "wb") as file:
                    async for chunk in response.aiter_bytes(_PIECE_BYTES):
                        await asyncio.to_thread(file.write, chunk)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ControlPlaneError(f"{type(error).__name__} {error}".strip()) from error

    async def _post(self, path: str, message: Message, answer: type[_Answer]) -> _Answer:
        request = self._client.build_request(
            "POST",
            path,
            content=message.model_dump_json(),
            headers={"Content-Type": "application/json"},
        )
        return _parse(await self._send(request), answer)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._client.send(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Many of httpx's errors have no text; their type is what tells.
            raise ControlPlaneError(f"{type(error).__name__} {error}".strip()) from error
        _raise_for(response)
        return response


def _raise_for(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status == httpx.codes.UNAUTHORIZED:
        raise TokenRefused("The control plane refused this agent's token.")
    if status == httpx.codes.UPGRADE_REQUIRED:
        raise IncompatibleControlPlane(
            f"The control plane refused protocol version {PROTOCOL_VERSION}. Upgrade this agent. "
            f"It said: {response.text[:300]}"
        )
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise HostUnknown(f"{response.request.url.path} answered {status}")
    if response.is_client_error and status != httpx.codes.TOO_MANY_REQUESTS:
        raise MessageRefused(status, response.text)
    raise ControlPlaneError(f"{response.request.url.path} answered {status}")


def _parse(response: httpx.Response, answer: type[_Answer]) -> _Answer:
    try:
        return answer.model_validate_json(response.content)
    except ValidationError as error:
        # A proxy's login page, for one, answers 200 with HTML.
        raise ControlPlaneError(f"unreadable answer: {str(error)[:300]}") from error


async def _pieces(path: Path, first_byte: int, size_bytes: int) -> AsyncIterator[bytes]:
    left = size_bytes
    with path.open("rb") as file:
        file.seek(first_byte)
        while left > 0:
            piece = await asyncio.to_thread(file.read, min(_PIECE_BYTES, left))
            if not piece:
                raise OSError(f"{path.name} has become shorter")
            left -= len(piece)
            yield piece
