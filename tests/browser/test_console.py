"""The console is a fair Slack client: what a person enters is what the app receives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser import console_views as views
from tests.browser.console_app import MOMENT, ConsoleApp
from tests.browser.console_page import open_modal, said, send, until

pytestmark = pytest.mark.browser

Json = dict[str, Any]


class TestCommands:
    def test_a_command_is_completed_and_explained(self, page: Page) -> None:
        box = page.get_by_test_id("composer")
        box.press_sequentially("/g")
        expect(page.get_by_role("option", name="/gpu")).to_have_attribute("aria-selected", "true")
        box.press("Tab")
        expect(box).to_have_value("/gpu ")
        expect(page.get_by_test_id("composer-hint")).to_contain_text("book | status")
        box.press_sequentially("one")
        box.press("Shift+Enter")
        box.press_sequentially("two")
        expect(box).to_have_value("/gpu one\ntwo")

    def test_a_slow_app_and_a_silent_one_are_told_apart(self, page: Page) -> None:
        notice = page.get_by_test_id("notice")
        send(page, "/gpu slow")
        expect(notice).to_have_text("Berth is working…")
        expect(notice).to_have_count(0)
        send(page, "/gpu silent")
        expect(notice).to_contain_text("/gpu failed because the app did not respond in time")
        expect(page.get_by_test_id("composer")).to_have_value("")
        page.get_by_test_id("composer").press("ArrowUp")
        expect(page.get_by_test_id("composer")).to_have_value("/gpu silent")


class TestModals:
    def test_untouched_inputs_are_submitted_with_their_initial_values(
        self, page: Page, app: ConsoleApp, artifacts: Path
    ) -> None:
        modal = open_modal(page, "/gpu inputs")
        page.get_by_test_id("field-a_text").fill("run 7")
        page.screenshot(path=artifacts / "console-modal.png")
        page.get_by_test_id("modal-submit").click()
        expect(modal).to_be_hidden()
        values = {block[2:]: state for block, [state] in _single(app.submissions[0]).items()}
        assert values["text"]["value"] == "run 7"
        assert values["note"]["value"] == "two\nlines"
        assert values["hours"] == {"type": "number_input", "value": "4"}
        assert values["mail"]["value"] == "alice@example.com"
        assert values["url"]["value"] == "https://example.com/data.zip"
        assert values["gpu"]["selected_option"]["value"] == "h100"
        assert _chosen(values["more"]) == ["a100", "h100"]
        assert values["person"]["selected_user"] == "U0BOB"
        assert values["people"]["selected_users"] == ["U0BOB", "U0DAVE"]
        assert values["channel"]["selected_channel"] == "C0VISION"
        assert values["place"]["selected_conversation"] == "C0GPU"
        assert values["day"]["selected_date"] == "2026-11-30"
        assert values["time"]["selected_time"] == "09:30"
        assert values["moment"]["selected_date_time"] == int(MOMENT.timestamp())
        assert _chosen(values["flags"]) == ["keep"]
        assert values["urgency"]["selected_option"]["value"] == "a100"
        assert values["external"]["selected_option"] is None

    def test_what_is_chosen_is_what_the_app_receives(self, page: Page, app: ConsoleApp) -> None:
        modal = open_modal(page, "/gpu inputs")
        field = page.get_by_test_id
        field("field-a_text").fill("x")
        field("field-a_note").fill("one\n\nthree")
        field("field-a_hours").fill("12")
        field("field-a_mail").fill("bob@example.com")
        field("field-a_gpu").select_option("h200")
        field("field-a_more").locator("[data-value=a100]").uncheck()
        field("field-a_more").locator("[data-value=h200]").check()
        field("field-a_person").select_option("U0CAROL")
        field("field-a_people").locator("[data-value=U0DAVE]").uncheck()
        field("field-a_channel").select_option("C0RANDOM")
        field("field-a_place").select_option("C0RANDOM")
        field("field-a_day").fill("2026-12-01")
        field("field-a_time").fill("17:45")
        # 2026-12-01 08:00 in Paris, where Alice is; the browser itself is in New Zealand.
        expect(field("field-a_moment")).to_have_value("2026-11-24T09:00")
        field("field-a_moment").fill("2026-12-01T08:00")
        field("field-a_flags").locator("[data-value=mail]").check()
        field("field-a_urgency").locator("[data-value=h200]").check()
        field("field-a_external").click()
        field("field-a_external").press_sequentially("run")
        offered = page.get_by_role("listbox", name="Options").get_by_role("option")
        expect(offered).to_have_text(["tiny run", "big run"])
        field("field-a_external").press("ArrowDown")
        field("field-a_external").press("Enter")
        expect(field("field-a_external")).to_have_value("big run")
        field("modal-submit").click()
        expect(modal).to_be_hidden()
        values = {block[2:]: state for block, [state] in _single(app.submissions[0]).items()}
        assert values["note"]["value"] == "one\n\nthree"
        assert values["hours"]["value"] == "12"
        assert values["mail"]["value"] == "bob@example.com"
        assert values["gpu"]["selected_option"]["value"] == "h200"
        assert _chosen(values["more"]) == ["h100", "h200"]
        assert values["person"]["selected_user"] == "U0CAROL"
        assert values["people"]["selected_users"] == ["U0BOB"]
        assert values["channel"]["selected_channel"] == "C0RANDOM"
        assert values["place"]["selected_conversation"] == "C0RANDOM"
        assert values["day"]["selected_date"] == "2026-12-01"
        assert values["time"]["selected_time"] == "17:45"
        assert values["moment"]["selected_date_time"] == 1796108400
        assert _chosen(values["flags"]) == ["mail", "keep"]
        assert values["urgency"]["selected_option"]["value"] == "h200"
        assert values["external"]["selected_option"]["value"] == "big-run"

    def test_errors_stand_at_their_fields(self, page: Page, app: ConsoleApp) -> None:
        modal = open_modal(page, "/gpu inputs")
        text, hours = page.get_by_test_id("field-a_text"), page.get_by_test_id("field-a_hours")
        hours.fill("99")
        page.get_by_test_id("modal-submit").click()
        expect(page.get_by_test_id("error-b_text")).to_contain_text("required")
        expect(page.get_by_test_id("error-b_hours")).to_contain_text("at most 24")
        expect(text).to_be_focused()
        assert app.submissions == []
        hours.fill("24")
        expect(page.get_by_test_id("error-b_hours")).to_be_hidden()
        text.fill("taken")
        text.press("Enter")
        expect(page.get_by_test_id("error-b_text")).to_have_text("That name is taken.")
        expect(text).to_have_attribute("aria-invalid", "true")
        expect(text).to_have_accessible_description("That name is taken. Lower case, please")
        expect(text).to_have_value("taken")
        text.fill("free")
        text.press("Enter")
        expect(modal).to_be_hidden()
        expect(page.get_by_test_id("composer")).to_be_focused()

    def test_a_stack_of_views_goes_three_deep_and_back(self, page: Page, app: ConsoleApp) -> None:
        modal = open_modal(page, "/gpu mini")
        page.get_by_test_id("field-a_name").fill("kept below")
        for depth in ("2", "3"):
            modal.locator("[data-action-id=push]").click()
            expect(modal.get_by_role("heading", name=f"Level {depth}")).to_be_visible()
        modal.locator("[data-action-id=push]").click()
        page.get_by_test_id("field-a_name").press("Escape")
        expect(modal.get_by_role("heading", name="Level 2")).to_be_visible()
        page.get_by_test_id("modal-back").click()
        expect(modal.get_by_role("heading", name="Level 1")).to_be_visible()
        expect(page.get_by_test_id("field-a_name")).to_have_value("kept below")
        page.keyboard.press("Escape")
        expect(modal).to_be_hidden()
        until(page, lambda: len(app.closed) == 3)
        assert not any(body["is_cleared"] for body in app.closed)

    def test_an_update_keeps_what_was_typed_and_the_caret(
        self, page: Page, app: ConsoleApp
    ) -> None:
        modal = open_modal(page, "/gpu mini")
        name = page.get_by_test_id("field-a_name")
        name.fill("resnet")
        modal.locator("[data-action-id=update]").click()
        name.focus()
        expect(modal).to_contain_text("Checked: free")
        expect(name).to_have_value("resnet")
        expect(name).to_be_focused()
        assert app.actions[0][1]["b_name"]["a_name"]["value"] == "resnet"
        name.press("Enter")
        expect(modal).to_be_hidden()
        assert app.submissions[0]["b_name"]["a_name"]["value"] == "resnet"


def _single(values: Json) -> dict[str, list[Json]]:
    return {block: list(actions.values()) for block, actions in values.items()}


def _chosen(state: Json) -> list[str]:
    return [option["value"] for option in state["selected_options"]]


class TestActions:
    def test_controls_in_a_message(self, page: Page, app: ConsoleApp) -> None:
        app.post("Run 7", blocks=views.controls())
        message = page.get_by_test_id("message")
        message.locator("[data-action-id=stop]").click()
        page.get_by_test_id("confirm-no").click()
        page.get_by_test_id("field-pick").select_option("h100")
        until(page, lambda: len(app.actions) == 1)
        message.locator("[data-action-id=stop]").click()
        expect(page.get_by_role("alertdialog")).to_contain_text("The run stops.")
        page.get_by_test_id("confirm-yes").click()
        until(page, lambda: len(app.actions) == 2)
        message.locator("[data-action-id=menu]").click()
        page.get_by_role("menuitem", name="Give away").click()
        until(page, lambda: len(app.actions) == 3)
        page.get_by_test_id("field-a_comment").fill("why?")
        page.get_by_test_id("field-a_comment").press("Enter")
        until(page, lambda: len(app.actions) == 4)
        picked, stopped, given, asked = (action for action, _ in app.actions)
        assert picked["selected_option"]["value"] == "h100"
        assert stopped["value"] == "run-7"
        assert given["selected_option"]["value"] == "give"
        assert asked["value"] == "why?"
        assert app.actions[1][1]["controls"]["pick"]["selected_option"]["value"] == "h100"

    def test_pickers_tell_the_app_once_a_person_is_done(self, page: Page, app: ConsoleApp) -> None:
        app.post("When?", blocks=views.pickers())
        day = page.get_by_test_id("field-on")
        day.focus()
        page.keyboard.type("12242026")
        page.keyboard.press("Enter")
        until(page, lambda: len(app.actions) == 1)
        page.get_by_test_id("field-at").fill("2026-12-24T18:00")
        page.get_by_test_id("field-at").blur()
        until(page, lambda: len(app.actions) == 2)
        which = page.get_by_test_id("field-which")
        expect(which.locator("optgroup").first).to_have_attribute("label", "Fast")
        which.select_option("a100")
        until(page, lambda: len(app.actions) == 3)
        assert app.actions[0][0]["selected_date"] == "2026-12-24"
        assert app.actions[1][0]["selected_date_time"] == 1798131600  # 18:00 in Paris
        assert app.actions[2][1]["pickers"]["on"]["selected_date"] == "2026-12-24"

    def test_a_refresh_takes_neither_focus_nor_text(self, page: Page, app: ConsoleApp) -> None:
        ts = app.post("Run 7", blocks=views.controls())
        comment = page.get_by_test_id("field-a_comment")
        comment.fill("half a sen")
        blocks = [{**views.mrkdwn("*Run 7* is at epoch 2"), "block_id": "run"}]
        app.edit(ts, "Run 7", blocks=[*blocks, *views.controls()[1:]])
        app.post("somebody else's news")
        expect(said(page, "epoch 2")).to_be_visible()
        expect(said(page, "somebody else's news")).to_be_visible()
        expect(comment).to_be_focused()
        page.keyboard.type("tence")
        expect(comment).to_have_value("half a sentence")
        expect(page.get_by_text("(edited)")).to_have_count(0)

    def test_app_home(self, page: Page, app: ConsoleApp, artifacts: Path) -> None:
        page.get_by_test_id("app-home").click()
        expect(page.get_by_text("Hello @alice")).to_be_visible()
        page.get_by_test_id("field-team").select_option("nlp")
        until(page, lambda: len(app.actions) == 1)
        page.locator("[data-action-id=refresh]").click()
        until(page, lambda: len(app.actions) == 2)
        action, values = app.actions[1]
        assert action["value"] == "now"
        assert values["home"]["team"]["selected_option"]["value"] == "nlp"
        page.screenshot(path=artifacts / "console-home.png")
        page.get_by_test_id("acting-user").select_option("U0BOB")
        expect(page.get_by_text("Hello @bob")).to_be_visible()
        expect(page.get_by_test_id("field-team")).to_have_value("vision")


class TestWithoutAMouse:
    def test_book_from_first_key_to_last(self, page: Page, app: ConsoleApp) -> None:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("composer")).to_be_focused()
        page.keyboard.type("/gpu mini")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("field-a_name")).to_be_focused()
        page.keyboard.type("by hand")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(page.get_by_role("heading", name="Level 2")).to_be_visible()
        expect(page.get_by_test_id("field-a_name")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Level 1")).to_be_visible()
        page.get_by_test_id("field-a_name").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("modal")).to_be_hidden()
        assert app.submissions[0]["b_name"]["a_name"]["value"] == "by hand"
        expect(page.get_by_test_id("composer")).to_be_focused()

    def test_a_menu_opens_and_closes_by_key(self, page: Page, app: ConsoleApp) -> None:
        app.post("Run 7", blocks=views.controls())
        opener = page.locator("[data-action-id=menu]")
        opener.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="Extend")).to_be_focused()
        page.keyboard.press("Escape")
        expect(opener).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        until(page, lambda: len(app.actions) == 1)
        assert app.actions[0][0]["selected_option"]["value"] == "give"


def test_a_lost_stand_in_is_told(context: BrowserContext, app: ConsoleApp) -> None:
    page = context.new_page()
    for path in ("events", "state"):
        page.route(f"**/console/{path}*", lambda route: route.abort())
    page.goto(app.url)
    expect(page.get_by_test_id("connection")).to_contain_text("Disconnected")
    page.unroute_all()
    expect(page.get_by_test_id("connection")).to_have_text("")
    expect(page.get_by_test_id("acting-user")).to_have_value("U0ALICE")
