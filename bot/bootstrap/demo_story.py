"""The demo without a browser: people act, and every claim of the story is checked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from bot.sandbox.client import SandboxClient

CHANNEL = "C0GPU"
ALICE, BOB = "U0ALICE", "U0BOB"
ANSWER_TIMEOUT_S = 5.0
TRAINING_TIMEOUT_S = 180.0
POLL_S = 0.2

_DATE = re.compile(r"<!date\^[^|>]*\|([^>]*)>")
_MENTION = re.compile(r"<@(\w+)>")

Message = dict[str, Any]


class StoryUntrue(Exception):
    """Something that the story tells did not happen."""


@dataclass
class Story:
    """Acts as people, prints what the channel shows as it fills, and remembers every line."""

    people: SandboxClient
    terminal: Console
    shown: dict[str, str] = field(default_factory=dict)
    cards: list[str] = field(default_factory=list)

    def say(self, user: str, text: str) -> None:
        """Let a person write in the channel."""
        self.terminal.print(f"[bold]{_name(user)}[/bold]  {text}")
        answer = self.people.say(user, CHANNEL, text)
        if not answer.get("ok"):
            raise StoryUntrue(f"{text!r} was not acknowledged: {answer.get('error')}")

    def wait(self, what: str, condition: Callable[[], Any], timeout_s: float) -> Any:
        """Print the channel until ``condition`` holds, and return what it returned.

        Raises:
            StoryUntrue: it did not hold in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.print_news()
            found = condition()
            if found:
                return found
            time.sleep(POLL_S)
        raise StoryUntrue(f"did not happen within {timeout_s:.0f} s: {what}")

    def print_news(self) -> None:
        """Print messages that are new or were edited."""
        for message in self.people.messages(CHANNEL):
            text = plain_text(message)
            if self.shown.get(message["ts"]) == text:
                continue
            verb = "edits" if message["ts"] in self.shown else "posts"
            self.shown[message["ts"]] = text
            if _is_card(message):
                self.cards.append(text)
            place = "" if _is_card(message) else " in the thread"
            self.terminal.print(f"[cyan]Berth {verb}{place}[/cyan]")
            self.show(text)

    def show(self, text: str) -> None:
        """Print a message as people read it."""
        readable = _MENTION.sub(lambda found: f"@{_name(found[1])}", _DATE.sub(r"\1", text))
        indented = "\n".join(f"    {line}" for line in readable.splitlines())
        self.terminal.print(indented, markup=False, soft_wrap=True)

    def answer_to(self, user: str, after: int) -> Message:
        """Return the newest message that only ``user`` sees, once there is one after ``after``."""

        def newest() -> Message | None:
            seen = self.people.ephemerals(user)
            return seen[-1] if len(seen) > after else None

        message: Message = self.wait(f"an answer to {_name(user)}", newest, ANSWER_TIMEOUT_S)
        self.terminal.print(f"[magenta]Only {_name(user)} sees[/magenta]")
        self.show(plain_text(message))
        return message

    def card(self, number: int) -> Message | None:
        """Return the card of a reservation, or None before it was posted."""
        for message in self.people.messages(CHANNEL):
            if _is_card(message) and f"R{number} " in plain_text(message):
                return message
        return None


def play_story(people: SandboxClient, terminal: Console, *, epochs: int) -> int:
    """Play the story; return 0 if all of it was true, else 1."""
    story = Story(people, terminal)
    started = time.monotonic()
    try:
        _book(story)
        _be_refused_and_choose(story)
        _watch_training(story, epochs)
        _look_around(story)
    except StoryUntrue as untrue:
        terminal.print(f"The story is not true: {untrue}", style="red", markup=False)
        return 1
    terminal.print(f"The story was true ({time.monotonic() - started:.0f} s).", style="green")
    return 0


def _book(story: Story) -> None:
    seen = len(story.people.ephemerals(ALICE))
    story.say(ALICE, "/gpu reserve 2 now 2h train release candidate")
    _insist("R1" in plain_text(story.answer_to(ALICE, seen)), "Alice is told the number R1")
    card = story.wait("the card of R1", lambda: story.card(1), ANSWER_TIMEOUT_S)
    _insist("release candidate" in plain_text(card), "the card carries Alice's note")


def _be_refused_and_choose(story: Story) -> None:
    seen = len(story.people.ephemerals(BOB))
    story.say(BOB, "/gpu reserve 1 now 2h")
    refusal = story.answer_to(BOB, seen)
    _insist(f"<@{ALICE}>" in plain_text(refusal), "the refusal names who holds the GPUs")
    offers = [
        each for each in _buttons(refusal) if each["action_id"].startswith("reserve.alternative")
    ]
    _insist(len(offers) >= 2, "the refusal offers the nearest windows as buttons")
    story.terminal.print(f"[bold]Bob[/bold]  clicks “{offers[0]['text']['text']}”")
    story.people.click(
        BOB, CHANNEL, refusal["ts"], offers[0]["action_id"], value=offers[0]["value"]
    )
    story.wait("the card of R2", lambda: story.card(2), ANSWER_TIMEOUT_S)


def _watch_training(story: Story, epochs: int) -> None:
    def finished() -> Message | None:
        card = story.card(1)
        return card if card and f"{epochs}/{epochs} epochs" in plain_text(card) else None

    card = story.wait("the training is finished", finished, TRAINING_TIMEOUT_S)
    _insist("finished" in plain_text(card), "the card says that the run is finished")
    _insist("mAP50" in plain_text(card), "the card shows the final metrics")
    seen = {match for text in story.cards for match in re.findall(rf"epoch (\d+)/{epochs}\b", text)}
    _insist(len(seen) >= 2, f"the card was edited over the epochs (seen: {sorted(seen)})")
    _insist(any(re.search(r"box \d", text) for text in story.cards), "the card showed losses")
    _insist(any(" left" in text for text in story.cards), "the card showed the time left")
    story.wait("the plot on the card", lambda: _has_image(story.card(1)), ANSWER_TIMEOUT_S * 4)
    thread = story.people.thread(CHANNEL, card["ts"])
    _insist(any(message.get("files") for message in thread), "the plot is in the thread")
    posted = [
        message
        for message in story.people.messages(CHANNEL)
        if _is_card(message) and "R1 " in plain_text(message)
    ]
    _insist(len(posted) == 1, "one card was edited through it all")


def _look_around(story: Story) -> None:
    for user, command, word in (
        (ALICE, "status", "host1"),
        (BOB, "mine", "R2"),
        (BOB, "help", "/gpu"),
    ):
        seen = len(story.people.ephemerals(user))
        story.say(user, f"/gpu {command}")
        _insist(word in plain_text(story.answer_to(user, seen)), f"/gpu {command} tells {word}")
    seen = len(story.people.ephemerals(BOB))
    story.say(BOB, "/gpu cancel R2 no longer needed")
    story.answer_to(BOB, seen)

    def cancelled() -> bool:
        card = story.card(2)
        return card is not None and "cancelled" in plain_text(card)

    story.wait("R2 is cancelled", cancelled, ANSWER_TIMEOUT_S)


def _insist(true: bool, claim: str) -> None:
    if not true:
        raise StoryUntrue(claim)


def plain_text(message: Message) -> str:
    """Return all text of a message: of its blocks, or where it has none its own."""
    lines = [line for block in message.get("blocks") or [] for line in _block_lines(block)]
    lines = lines or [str(message.get("text", ""))]
    lines += [f"[file: {each.get('title', '')}]" for each in message.get("files", [])]
    return "\n".join(line for line in lines if line)


def _block_lines(block: Message) -> list[str]:
    parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
    texts = [str(part["text"]) for part in parts if isinstance(part, dict) and _is_text(part)]
    if block.get("type") == "image":
        texts.append(f"[image: {block.get('alt_text', '')}]")
    if block.get("type") == "actions":
        labels = [each["text"]["text"] for each in block["elements"] if each["type"] == "button"]
        texts.append(" ".join(f"[{label}]" for label in labels))
    return texts


def _is_text(part: Message) -> bool:
    return part.get("type") in ("mrkdwn", "plain_text")


def _buttons(message: Message) -> list[Message]:
    found = []
    for block in message.get("blocks") or []:
        candidates = [*block.get("elements", []), block.get("accessory") or {}]
        found += [each for each in candidates if each.get("type") == "button"]
    return found


def _has_image(message: Message | None) -> bool:
    return any(block["type"] == "image" for block in (message or {}).get("blocks", []))


def _is_card(message: Message) -> bool:
    """Tell a message of the channel from a reply; Slack marks the head of a thread as well."""
    return bool(message.get("thread_ts", message["ts"]) == message["ts"])


def _name(user: str) -> str:
    return user.removeprefix("U0").title()
