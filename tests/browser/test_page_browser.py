"""The page of a run in a real browser: cases found, turned over and opened by keyboard, in every width and theme."""

from __future__ import annotations

import time

import pytest
from tests.browser.driving import complaints, emulate, faults, named, press, wait
from tests.page_record import whole_record

from pytest_medeval.report.html.page import page
from pytest_medeval.report.outline import outline_of

HOSTILE = '</script><script>document.title="broken"</script><img src=x onerror="document.title=1"> & water'
COUNT = 120
MANY = 10_000


def written(record, folder):
    """Write a page as a file to open."""
    file = folder / "page.html"
    file.write_text(page(outline_of(record)), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Write the page of 120 cases; one has hostile texts, one is Chinese."""
    record = whole_record(COUNT)
    record["cases"][6] |= {"asked": HOSTILE, "gold": HOSTILE}
    record["cases"][6]["candidate"]["reply"] = HOSTILE
    record["cases"][59]["asked"] = "医生，我咳嗽三天了。"
    return written(record, tmp_path_factory.mktemp("page"))


def status(browser, wanted=None):
    """Read the line above the list; wait until it says what is wanted, for the search waits for the typist."""
    wait(lambda: (told := named(browser, "status").text) and told.startswith(wanted or ""))
    return named(browser, "status").text


def shown(browser):
    """Give the ids of the listed cases."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#list summary b')].map((one) => one.textContent)"
    )


def listed(browser, *ids):
    """Wait until just these cases are listed; give whether they are."""
    return wait(lambda: shown(browser) == list(ids))


def go_to_cases(browser):
    """Bring the list near, as a reader who follows the link."""
    browser.find_element("link text", "Cases").click()
    return status(browser)


def choose(browser, name, value):
    """Choose in a list of choices."""
    from selenium.webdriver.support.ui import Select

    Select(named(browser, name)).select_by_value(value)
    return status(browser)


def test_the_list_is_read_when_it_comes_near(browser):
    """At first nothing is listed; then the first 50 of all, and no error."""
    assert shown(browser) == []
    assert go_to_cases(browser) == "120 of 120 cases, 1 to 50 shown"
    assert (len(shown(browser)), named(browser, "place").text) == (50, "Page 1 of 3")
    assert complaints(browser) == []


def test_every_word_of_a_search_must_occur(browser):
    """Ids, questions and replies are searched, in any script and case; what is in no case finds none."""
    go_to_cases(browser)
    box = named(browser, "search")
    box.send_keys("CASE-0017 new")
    assert listed(browser, "case-0017")
    assert status(browser) == "1 of 120 cases, 1 to 1 shown"
    box.clear()
    box.send_keys("咳嗽")
    assert listed(browser, "case-0060")
    box.clear()
    box.send_keys("no such word")
    assert status(browser, "0 of") == "0 of 120 cases"
    assert not named(browser, "next").is_enabled()


def test_choices_narrow_the_list_together(browser):
    """A tag, what to show and the order are taken together, and lead back to the first page."""
    go_to_cases(browser)
    named(browser, "next").click()
    assert choose(browser, "tag", "specialty: cardiology") == "60 of 120 cases, 1 to 50 shown"
    assert choose(browser, "show", "worse").startswith("20 of 120")
    assert shown(browser)[:2] == ["case-0003", "case-0009"]
    assert choose(browser, "show", "wrong").startswith("12 of 120")
    assert choose(browser, "show", "critical").startswith("1 of 120")
    choose(browser, "show", "")
    choose(browser, "tag", "")
    choose(browser, "order", "lost")
    assert shown(browser)[0] == "case-0003"
    choose(browser, "order", "won")
    assert shown(browser)[0] == "case-0001"


def test_pages_are_turned_and_a_case_is_opened_by_keyboard(browser):
    """Tab leads from the search through list and pager; Enter opens a case and turns the page."""
    from selenium.webdriver.common.keys import Keys

    go_to_cases(browser)
    named(browser, "search").click()
    visited = []
    for _ in range(6):
        press(browser, Keys.TAB)
        visited.append(browser.execute_script("return document.activeElement.id || document.activeElement.tagName"))
    assert visited == ["suite", "tag", "show", "order", "open", "SUMMARY"]
    press(browser, Keys.ENTER)
    first = browser.find_element("css selector", "#list details")
    assert first.get_attribute("open") is not None
    for told in ("Question 1?", "Reference 1.", "New reply 1.", "Old reply 1.", "broken: referral", "0.0312"):
        assert told in first.text
    assert "The judges prefer the candidate." in first.text
    assert "a judge, baseline: relevance (no grade was found)" in first.text
    browser.execute_script("document.getElementById('next').focus()")
    press(browser, Keys.ENTER)
    assert status(browser, "120 of 120 cases, 51") == "120 of 120 cases, 51 to 100 shown"
    assert browser.execute_script("return document.activeElement.id") == "cases-title"
    named(browser, "next").click()
    assert (len(shown(browser)), named(browser, "next").is_enabled()) == (20, False)
    named(browser, "previous").click()
    assert named(browser, "place").text == "Page 2 of 3"


def opened_texts(browser, count):
    """Read the texts of open cases; the browser tells the page of an opened box only after the click."""
    script = "return [...document.querySelectorAll('#list .text')].map((one) => one.textContent)"
    wait(lambda: len(browser.execute_script(script)) >= count)
    return browser.execute_script(script)


def test_hostile_texts_are_shown_as_they_are(browser):
    """Markup is text: no element comes of it, no script runs, nothing is asked of a network."""
    go_to_cases(browser)
    named(browser, "search").send_keys("case-0007")
    assert status(browser, "1 of").startswith("1 of")
    named(browser, "open").click()
    assert opened_texts(browser, 4) == [HOSTILE, HOSTILE, HOSTILE, "Old reply 7."]
    assert browser.title == "Medical evaluation: MAY NOT GO OUT"
    assert browser.find_elements("css selector", ".text *, img") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert complaints(browser) == []


def test_ten_thousand_cases_stay_usable(one_browser, tmp_path):
    """The page of 10,000 cases lists 50 and answers a search in seconds, on a busy machine too."""
    one_browser.get(written(whole_record(MANY), tmp_path))
    assert go_to_cases(one_browser) == "10000 of 10000 cases, 1 to 50 shown"
    began = time.perf_counter()
    named(one_browser, "search").send_keys("question 9999?")
    assert status(one_browser, "1 of").startswith("1 of 10000")
    assert time.perf_counter() - began < 5
    assert one_browser.execute_script("return document.querySelectorAll('#list li').length") == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_fits_its_width_and_has_contrast(browser, width, theme):
    """Nothing sticks out sideways, targets have 24 px, and text a contrast of 4.5 or more, in both themes."""
    emulate(browser, width, theme)
    browser.refresh()
    go_to_cases(browser)
    browser.execute_script("for (const box of document.querySelectorAll('details')) box.open = true")
    assert faults(browser) == []
