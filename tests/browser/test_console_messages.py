"""What the console shows of channels and threads, to whom, and in which zone."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser import console_views as views
from tests.browser.console_app import MOMENT, ConsoleApp
from tests.browser.console_page import said, send, until

pytestmark = pytest.mark.browser

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4"
    "2mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel, in base64."""


class TestMessages:
    def test_what_is_typed_reaches_the_app_escaped_and_with_mentions(
        self, page: Page, app: ConsoleApp
    ) -> None:
        send(page, "hi @bob, a < b & <i>c</i> #vision")
        expected = "hi <@U0BOB>, a &lt; b &amp; &lt;i&gt;c&lt;/i&gt; <#C0VISION|vision>"
        until(page, lambda: app.texts == [expected])
        shown = said(page, "hi @bob, a < b & <i>c</i> #vision")
        expect(shown).to_be_visible()
        expect(shown.locator("i")).to_have_count(0)

    def test_markup_is_drawn_and_foreign_html_is_not(self, page: Page, app: ConsoleApp) -> None:
        app.post(
            "*bold* _slanted_ ~gone~ `code` snake_case_name 2*3*4 <img src=x onerror=alert(1)> "
            "<javascript:alert(1)|bad> <https://example.com/a?b=1&amp;c=2|site> <!here> "
            "<!subteam^S0VISION|@vision-team> :rocket: :nosuch: &lt;ok&gt;\n> quoted\n```x\n  y```"
        )
        message = page.get_by_test_id("message")
        expect(message.locator("strong", has_text="bold")).to_have_count(1)
        expect(message.locator("em")).to_have_text("slanted")
        expect(message.locator("s")).to_have_text("gone")
        expect(message.locator("code")).to_have_text("code")
        expect(message.locator("blockquote")).to_have_text("quoted")
        expect(message.locator("pre")).to_have_text("x\n  y")
        expect(message.locator("img")).to_have_count(0)
        links = message.get_by_role("link")
        expect(links).to_have_count(1)
        expect(links).to_have_attribute("href", "https://example.com/a?b=1&c=2")
        for text in ("snake_case_name 2*3*4", "@here", "@vision-team", "🚀 :nosuch: <ok>"):
            expect(message).to_contain_text(text)

    def test_dates_are_told_in_the_zone_of_who_reads(self, page: Page, app: ConsoleApp) -> None:
        at = int(MOMENT.timestamp())
        app.post(f"starts <!date^{at}^{{date_num}} {{time}} · {{date_long}}|never>")
        expect(page.get_by_test_id("message")).to_contain_text(
            "starts 2026-11-24 9:00 AM · Tuesday, November 24th, 2026"
        )
        page.get_by_test_id("acting-user").select_option("U0CAROL")
        expect(page.get_by_test_id("message")).to_contain_text("2026-11-24 5:00 PM")
        assert "user=U0CAROL" in page.url
        page.reload()
        expect(page.get_by_test_id("message")).to_contain_text("2026-11-24 5:00 PM")
        expect(page.get_by_test_id("acting-user")).to_have_value("U0CAROL")

    def test_all_date_tokens(self, page: Page) -> None:
        answer = page.evaluate(
            """async () => {
              const z = await import("/console/static/zones.js");
              const at = Date.UTC(2026, 1, 22, 5, 39, 7) / 1000;
              const names = ["date_num", "date", "date_short", "date_long", "date_pretty",
                "date_short_pretty", "date_long_pretty", "time", "time_secs", "nosuch"];
              const later = (days, hours) => (at + days * 86400 + hours * 3600) * 1000;
              return {
                far: names.map((n) => z.formatTokens(`{${n}}`, at, "Asia/Tokyo", later(9, 0))),
                near: [-1, 0, 1].map((d) =>
                  z.formatTokens("{date_pretty}", at, "Asia/Tokyo", later(d, 0))),
                ago: [0, 3, 49, -2].map((h) => z.formatTokens("{ago}", at, "UTC", later(0, h))),
                gap: z.fromWall("2026-03-29T02:30", "Europe/Paris"),
                twice: z.fromWall("2026-10-25T02:30", "Europe/Paris"),
              };
            }"""
        )
        day = "February 22nd, 2026"
        assert answer["far"] == [
            *("2026-02-22", day, "Feb 22, 2026", f"Sunday, {day}"),
            *(day, "Feb 22, 2026", f"Sunday, {day}", "2:39 PM", "2:39:07 PM", "{nosuch}"),
        ]
        assert answer["near"] == ["tomorrow", "today", "yesterday"]
        assert answer["ago"] == ["just now", "3 hours ago", "2 days ago", "in 2 hours"]
        assert answer["gap"] == 1774747800  # 01:30 UTC: the clocks skip from 2:00 to 3:00
        assert answer["twice"] == 1792888200  # 00:30 UTC: the first of the two

    def test_an_ephemeral_is_marked_and_is_replaced_in_place(
        self, page: Page, app: ConsoleApp, context: BrowserContext
    ) -> None:
        send(page, "/gpu only me")
        message = page.locator("[data-testid=message][data-ephemeral=true]")
        expect(message).to_contain_text("Only visible to you")
        other = context.new_page()
        other.goto(f"{app.url}/#user=U0BOB&channel=C0GPU")
        expect(other.get_by_text("Nothing here yet")).to_be_visible()
        other.close()
        message.locator("[data-action-id=yes][data-value=r1]").click()
        expect(message).to_contain_text("Done.")
        assert app.actions[0][0]["value"] == "r1"

    def test_a_thread_opens_beside_the_channel(self, page: Page, app: ConsoleApp) -> None:
        ts = app.post("Run 7 started")
        said(page, "Run 7 started").hover()
        said(page, "Run 7 started").get_by_test_id("thread-open").click()
        panel = page.get_by_test_id("thread-panel")
        expect(page.get_by_test_id("thread-composer")).to_be_focused()
        page.keyboard.type("how far?")
        page.keyboard.press("Enter")
        expect(panel.get_by_text("how far?")).to_be_visible()
        expect(said(page, "how far?")).to_have_count(0)
        expect(said(page, "Run 7 started").get_by_test_id("thread-open")).to_have_text("1 reply")
        app.post("Epoch 3 of 5", thread_ts=ts, reply_broadcast=True)
        expect(said(page, "Epoch 3 of 5")).to_be_visible()
        expect(panel.get_by_text("Epoch 3 of 5")).to_be_visible()
        page.get_by_test_id("thread-composer").fill("/gpu mine")
        page.get_by_test_id("thread-composer").press("Enter")
        expect(page.get_by_test_id("notice")).to_contain_text("not supported in threads")
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()

    def test_a_channel_that_was_not_read_is_marked(self, page: Page, app: ConsoleApp) -> None:
        page.get_by_test_id("channel-vision").click()
        app.post("news")
        mark = page.get_by_test_id("channel-gpu")
        expect(mark).to_have_attribute("data-unread", "1")
        mark.click()
        expect(mark).to_have_attribute("data-unread", "0")
        expect(said(page, "news")).to_be_visible()

    def test_blocks_that_show_something(self, page: Page, app: ConsoleApp) -> None:
        picture = app.upload(base64.b64decode(PIXEL), "plan.png")
        app.post("Plan", blocks=views.documents(picture))
        message = page.get_by_test_id("message").filter(has_text="as of now")
        image = message.get_by_role("img", name="the plan")
        expect(image).to_have_js_property("naturalWidth", 1)
        expect(message.locator("p strong", has_text="rich")).to_be_visible()
        expect(message.get_by_role("listitem")).to_have_text("@bob")
        expect(message.get_by_role("columnheader")).to_have_text(["GPU", "Hours"])
        expect(message.get_by_role("cell")).to_have_text(["H100", "4"])

    def test_standard_markdown(self, page: Page) -> None:
        answer = page.evaluate(
            """async () => {
              const { markdown } = await import("/console/static/markdown.js");
              const host = document.createElement("div");
              host.append(...markdown("# Title\\n**b** *i* ~~s~~ `c` [x](https://example.com) "
                + "[y](javascript:z)\\n\\n1. one\\n2. two\\n\\n|a|b|\\n|--|--|\\n|1|<i>2</i>|"));
              return host.innerHTML;
            }"""
        )
        for part in (
            '<p class="md-heading">Title</p>',
            "<strong>b</strong> <em>i</em> <s>s</s> <code>c</code>",
            '<a href="https://example.com/" target="_blank" rel="noopener noreferrer">x</a>',
            "<span>y</span>",
            "<ol><li>one</li><li>two</li></ol>",
            "<td>1</td><td>&lt;i&gt;2&lt;/i&gt;</td>",
        ):
            assert part in answer
