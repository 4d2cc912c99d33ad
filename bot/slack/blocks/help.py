"""What can be said to Berth."""

from __future__ import annotations

from collections.abc import Mapping

from bot.slack.blocks.card import Card
from bot.slack.blocks.mine import reserve_button
from bot.slack.blocks.text import actions, context, header, section

COMMANDS: Mapping[str, str] = {
    "reserve": "opens a form; with words it books in one line (`book` does the same)",
    "train": "a form for a training; in one line `/gpu train yolov8l on 4 fri 18:00 8h`; `again`",
    "template": "your team's trainings by name: `list`, `save yolo-release R12`, `delete …`",
    "logs": "`/gpu logs R12` shows the last lines of a training's log",
    "plan": "will it be ready? `/gpu plan yolov8l coco.yaml 100 epochs 4 gpus by fri 9am`",
    "status": "who holds which GPU, and until when",
    "share": "what each team has had and may have, and who would be served first",
    "mine": "your reservations, each with a button to give it back",
    "web": "a link, only for you, to the timeline and all else in the browser",
    "cancel": "`/gpu cancel R12 demo moved` gives R12 back, with the reason; `release` is the same",
    "series": "what you have booked to repeat, with buttons to skip the next or cancel all",
    "extend": "`/gpu extend R12 2h`, or `until fri 9am`; `/gpu extend R12` adds one slot",
    "shorten": "`/gpu shorten R12 until 18:00`, or `1h less`: others get what becomes free",
    "move": "`/gpu move R12 tomorrow 18:00` moves it; what trains stops at a checkpoint first",
    "continue": "`/gpu continue R12` books the next window for its training; `now` stops it first",
    "retry": "`/gpu retry R12` tries a training again; `/gpu retry R12 batch 8` with another batch",
    "transfer": "`/gpu transfer R12 @bob on leave` offers R12 to Bob, who accepts or not",
    "swap": "`/gpu swap R12 with R15` asks R15's holder to exchange windows and GPUs",
    "waitlist": "your places on the waitlist; `/gpu waitlist join 2 tomorrow 18:00 8h` takes one",
    "queue": "`/gpu queue 1 45m train` runs it as soon as GPUs are idle; alone it lists the queue",
    "maintenance": "what is out of service; admins plan it: `host2 tomorrow 8:00 4h new driver`",
    "drain": "admins: `/gpu drain host2` lets nothing new onto a host; what is booked stays",
    "undrain": "admins: takes a drained host back",
    "broken": "admins: `/gpu broken gpu3@host2 fell off the bus`; what is booked on it is moved",
    "repaired": "admins: takes a broken GPU back",
    "teams": "all teams: people, channel, limits",
    "team": "admins: `/gpu team create vision channel=#vision`, `set vision gpus=8`, `sync vision`",
    "role": "admins: `/gpu role @bob lead`; `viewer`, `member`, `lead` or `admin`",
    "member": "admins and leads: `/gpu member @bob vision` brings Bob into a team",
    "hosts": "every host: whether it answers, its GPUs, its agent",
    "processes": "what runs on GPUs without a booking: adopt it, say it is not yours, stop it",
    "calendar": "a picture of today, `week` of a week; `/gpu calendar link` feeds your calendar",
    "report": "who had what: `/gpu report week`, `month` or `since monday`; with picture and CSV",
    "audit": "who did what: `/gpu audit R12`, `@bob`, `since monday`, `reservation.cancelled`",
    "help": "this text",
}
"""Each sub-command in a few words."""

EXAMPLES = (
    "/gpu reserve 1 now 2h",
    "/gpu reserve 4 tomorrow 18:00 8h p1 yolov8l release",
    "/gpu reserve gpu3,gpu4@host2 wed 20:00-08:00",
    "/gpu reserve 2 now until fri 9am protected",
    '/gpu reserve 2 2026-12-01 18:00 8h yolo11m data=coco8.yaml epochs=50 "night run"',
)
"""One-line bookings; a test reads every one of them."""

SERIES_EXAMPLE = "/gpu reserve 2 every weekday 20:00 12h until 2026-12-31"


def help_card() -> Card:
    """Return the help."""
    commands = [f"• `/gpu {name}`: {does}" for name, does in COMMANDS.items()]
    half = (len(commands) + 1) // 2  # one section holds 3000 characters
    examples = "\n".join(f"`{example}`" for example in (*EXAMPLES, SERIES_EXAMPLE))
    rules = (
        "Times are in your own time zone as Slack knows it. In any order: how many GPUs or which, "
        "when, how long or `until` when, `p0` to `p2`, `preemptible` or `protected`; a model, "
        "`train` or `epochs=50` makes it a training that starts by itself. The rest is a note."
    )
    return Card(
        "How to book GPUs with /gpu",
        (
            header("Booking GPUs"),
            section("\n".join(commands[:half])),
            section("\n".join(commands[half:])),
            section(f"*In one line*\n{examples}"),
            context(rules),
            actions([reserve_button()]),
        ),
    )
