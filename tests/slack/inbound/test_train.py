"""``/gpu train``, templates and the same again, as people do them in Slack."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bot.domain.run_spec import TrainingSpec
from bot.slack.blocks.again_button import AGAIN_ACTION
from bot.slack.blocks.templates import DELETE_ACTION
from bot.slack.blocks.train_modal import CALLBACK, TEMPLATE_ACTION
from tests.slack.inbound.office import Json, Office, text_of, values_of
from tests.support.history import a_finished_run
from tests.support.world import a_member

LINE = (
    "/gpu train yolov8l data=coco.yaml epochs=100 imgsz=960 batch=32 seed=1 lr0=0.001"
    " on 2 tomorrow 18:00 8h p1"
)
SPEC = TrainingSpec("yolov8l", "coco.yaml", 100, 960, 32, 1, {"lr0": 0.001})


def inputs(view: Json) -> dict[str, str]:
    """Return the ids of a form's inputs by their names, whatever their generation."""
    ids = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    return {block_id.partition("~")[0]: block_id for block_id in ids}


async def form_with(office: Office, text: str) -> Json:
    """Return the visible form once it shows that text."""
    await office.eventually(lambda: text in text_of(office.modal()))
    view = office.modal()
    assert view is not None
    return view


async def test_a_line_books_the_training_with_its_window(any_office: Office) -> None:
    office = any_office
    told = await office.say(LINE)
    assert "Booked R1" in text_of(told)
    (booked,) = office.reservations()
    assert booked.run is not None
    assert (booked.run.spec, booked.gpu_count) == (SPEC, 2)
    assert booked.window.start == datetime(2026, 11, 24, 16, tzinfo=UTC)  # 18:00 in Paris, snapped


async def test_all_faults_of_a_line_are_told_at_once(office: Office) -> None:
    told = await office.say("/gpu train yolov8l epochs=many lr9=1 batch=0 on 2 someday 8h")
    for part in ("epochs", "lr9", "batch", "someday"):
        assert part in text_of(told)
    assert office.reservations() == ()


async def test_the_form_books_and_names_every_fault_beside_its_field(any_office: Office) -> None:
    office = any_office
    view = await office.open_form(text="/gpu train")
    assert view["callback_id"] == CALLBACK
    wrong = {"model": "../x", "epochs": "many", "extra": "lr0=9\nnonsense", "start": None}
    sent = await office.submit(wrong)
    assert set(sent["errors"]) == {"model", "epochs", "extra", "start"}
    assert "nonsense" in sent["errors"]["extra"]
    assert "lr0" in sent["errors"]["extra"]
    right = {
        "model": "yolov8l-seg",
        "epochs": "7",
        "task": "segment",
        "extra": "lr0=0.01\ncos_lr=true",
        "gpus": 2,
        "start": int(datetime(2026, 11, 24, 18, tzinfo=UTC).timestamp()),
    }
    sent = await office.submit(right)
    assert (sent["ok"], sent["errors"]) == (True, None), sent
    (booked,) = office.reservations()
    assert booked.run is not None
    assert booked.run.spec == TrainingSpec(
        "yolov8l-seg", "shapes.yaml", 7, extra={"lr0": 0.01, "cos_lr": True}, task="segment"
    )
    assert booked.gpu_count == 2
    told = await office.eventually(lambda: office.ephemerals("U0ALICE"))
    assert "Booked R1" in told[0]["text"]


async def test_a_full_window_comes_back_in_the_form_with_what_fits(office: Office) -> None:
    await office.say("/gpu reserve 4 now 4h", user="U0BOB")
    await office.open_form(text="/gpu train")
    sent = await office.submit({"start_now": ["yes"], "gpus": 2})
    assert sent["ok"], sent
    assert (await form_with(office, "Book this"))["callback_id"] == CALLBACK
    assert office.reservations() == ()


async def test_what_a_line_leaves_open_is_asked_for_in_the_form(office: Office) -> None:
    view = await office.open_form(text="/gpu train yolov8l coco.yaml epochs=7 on 3 p1")
    shown = {
        block["block_id"]: block["element"].get("initial_value")
        for block in view["blocks"]
        if block["type"] == "input"
    }
    assert (shown["model"], shown["data"], shown["epochs"]) == ("yolov8l", "coco.yaml", "7")
    sent = await office.submit({"start_now": ["yes"]})
    assert sent["ok"], sent
    (booked,) = office.reservations()
    assert booked.run is not None
    assert (booked.run.spec.epochs, booked.gpu_count, booked.priority.value) == (7, 3, "p1")


async def test_a_template_is_saved_listed_used_and_deleted(office: Office) -> None:
    await office.say(LINE)
    assert "Kept as @yolo-release" in text_of(
        await office.say("/gpu template save yolo-release R1")
    )
    told = await office.say("/gpu train @yolo-release epochs=10 wed 18:00 4h", user="U0BOB")
    assert "Booked R2" in text_of(told)
    (theirs,) = office.reservations("U0BOB")
    assert theirs.run is not None
    assert theirs.run.spec == TrainingSpec("yolov8l", "coco.yaml", 10, 960, 32, 1, {"lr0": 0.001})
    assert theirs.gpu_count == 2
    listed = await office.say("/gpu template list", user="U0BOB")
    assert values_of(listed, DELETE_ACTION) == ["yolo-release"]
    await office.click(listed, DELETE_ACTION, "yolo-release", user="U0BOB")
    await office.eventually(lambda: "only they" in text_of(office.ephemerals("U0BOB")[-1]))
    mine = await office.say("/gpu template")
    await office.click(mine, DELETE_ACTION, "yolo-release")
    await office.eventually(lambda: "is deleted" in text_of(office.ephemerals("U0ALICE")[-1]))
    unknown = await office.say("/gpu train @yolo-release now 4h")
    assert "no template @yolo-release" in text_of(unknown)


async def test_a_template_fills_the_form_and_leaves_the_time_as_it_was_typed(
    office: Office,
) -> None:
    await office.say(LINE)
    await office.say("/gpu template save night R1")
    view = await office.open_form(text="/gpu train")
    typed = {"start_now": ["yes"], "note": "mine"}
    await office.click_in_view(TEMPLATE_ACTION, "night", values=typed)
    view = await form_with(office, "~1")
    ids = inputs(view)
    sent = await office.submit({ids["epochs"]: "9"})
    assert sent["ok"], sent
    found = next(one for one in office.reservations() if one.note == "mine")
    assert found.run is not None
    assert (found.run.spec.model, found.run.spec.epochs, found.gpu_count) == ("yolov8l", 9, 2)
    assert found.window.start == datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


async def test_the_same_again_shows_its_window_before_it_books(any_office: Office) -> None:
    office = any_office
    await office.say("/gpu train yolov8l coco.yaml epochs=3 on 4 now 4h")
    view = await office.open_form(text="/gpu train again")
    assert "Nearest window" in text_of(view)
    assert "Nothing is booked yet" in text_of(view)
    assert len(office.reservations()) == 1
    sent = await office.submit()
    assert sent["ok"], sent
    again = office.reservations()[-1]
    assert again.run is not None
    assert (again.run.spec.model, again.run.spec.epochs, again.gpu_count) == ("yolov8l", 3, 4)
    assert again.window.start == office.reservations()[0].window.end


async def test_the_last_training_fills_the_open_form(office: Office) -> None:
    await office.say("/gpu train yolov8l coco.yaml epochs=3 on 2 tomorrow 18:00 4h")
    await office.open_form(text="/gpu train")
    await office.click_in_view(AGAIN_ACTION, "last")
    await form_with(office, "Nearest window")
    sent = await office.submit()
    assert sent["ok"], sent
    runs = [one.run.spec.epochs for one in office.reservations() if one.run]
    assert runs == [3, 3]


async def test_whoever_has_trained_nothing_is_told_so(office: Office) -> None:
    told = await office.say("/gpu train again")
    assert "no training yet" in text_of(told)


async def test_slow_data_opens_a_form_that_waits(office: Office) -> None:
    office.obstacles.delay_s["form"] = 2.0
    said = await asyncio.to_thread(office.client.say, "U0ALICE", "C0GPU", "/gpu train")
    assert said["ok"]
    await office.eventually(lambda: "One moment" in text_of(office.modal()))
    assert (await form_with(office, "More arguments"))["callback_id"] == CALLBACK


async def test_a_length_that_is_known_from_earlier_runs_is_proposed(office: Office) -> None:
    alice = a_member(office.berth)
    spec = TrainingSpec("yolov8l", "coco.yaml", epochs=10)
    for _ in range(3):
        a_finished_run(office.berth, alice, spec, 1800.0)
    view = await office.open_form(text="/gpu train yolov8l coco.yaml epochs=10 now")
    assert "from 3 runs" in text_of(view)
    sent = await office.submit()
    assert sent["ok"], sent
    (booked,) = [one for one in office.reservations() if one.run and one.run.spec.epochs == 10]
    assert 5 <= booked.window.length.total_seconds() / 3600 <= 8  # ten epochs of half an hour


async def test_a_training_may_repeat(office: Office) -> None:
    told = await office.say("/gpu train yolov8l epochs=7 on 2 every weekday 20:00 4h 3 times")
    assert "every weekday" in text_of(told)
    booked = office.reservations()
    assert len(booked) == 3
    assert {one.run.spec.epochs for one in booked if one.run} == {7}
    assert {one.gpu_count for one in booked} == {2}
    wrong = await office.say("/gpu train epochs=many on 2 every weekday 20:00 4h")
    assert "epochs" in text_of(wrong)
