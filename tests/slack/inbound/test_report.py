"""``/gpu report``: the sums at once, the picture and the CSV as a direct message."""

from __future__ import annotations

from tests.slack.inbound.office import Office, text_of


async def test_the_sums_come_at_once_and_the_files_as_a_direct_message(office: Office) -> None:
    await office.say("/gpu reserve 1 now 2h", "U0BOB")
    answer = await office.say("/gpu report week", "U0BOB")
    assert "GPU-hours were held" in text_of(answer)
    shared = await office.eventually(
        lambda: [one for one in office.direct("U0BOB") if one.get("files")]
    )
    names = {file["name"] for file in shared[0]["files"]}
    assert names == {"report.png", "report.csv"}


async def test_words_that_mean_no_time_are_answered_with_what_would(office: Office) -> None:
    assert "since monday" in text_of(await office.say("/gpu report whenever"))
    assert "yesterday" in text_of(await office.say("/gpu report since tomorrow"))
