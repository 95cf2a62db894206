"""The review page in a real browser: rated by keyboard, kept, exported, imported elsewhere, and read back."""

import json

import pytest
from tests.browser.driving import complaints, emulate, faults, named, press, wait

from pytest_medeval.judges.ratings.review import read_reviews
from pytest_medeval.verdicts.human import human

ROLES = ("candidate", "baseline")


@pytest.fixture
def browser(browser):
    """Wait until the page shows the first case, as a rater does."""
    assert wait(lambda: case_shown(browser) == 1)
    return browser


def case_shown(browser):
    """Give the number of the case that is shown, 0 before the page knows what it kept."""
    return int((named(browser, "title").text or "Case 0").split()[1])


def again(browser):
    """Load the page again and wait until it shows what it kept."""
    browser.refresh()
    assert wait(lambda: case_shown(browser) > 0)


def progress(browser):
    """Read the progress line."""
    return named(browser, "progress-text").text


def exported(browser):
    """Export by the button, and wait for the file."""
    before = set(browser.downloads.glob("*.json"))
    named(browser, "export").click()
    new = wait(lambda: set(browser.downloads.glob("*.json")) - before)
    assert new, f"no download; the page says {named(browser, 'status').text!r}"
    return new.pop()


def first_is_candidate(browser, record):
    """Tell from the record which reply stands first, as no rater can."""
    shown = named(browser, "reply-1").get_property("textContent")
    return any(shown == case["candidate"]["reply"] for case in record["cases"])


def rate(browser, first, second, preference):
    """Grade both replies in four dimensions and say a preference, by digits alone."""
    press(browser, *(str(first) + str(second)) * 4, str(preference))


def test_the_round_trip(browser, start, address, record):
    """Rate two of three cases by keyboard, reload, rate the third, export, import elsewhere, read back."""
    from selenium.webdriver.common.keys import Keys

    named(browser, "rater").send_keys("A. B.")
    press(browser, Keys.TAB)
    order = {}
    for place in range(3):
        case = named(browser, "title").text.rpartition(", ")[2]
        order[case] = first_is_candidate(browser, record)
        first, second = (5, 2) if order[case] else (2, 5)
        rate(browser, first, second, 1 if order[case] else 2)
        assert progress(browser) == f"{place + 1} of 3 rated"
        press(browser, "n")
        if place == 1:
            again(browser)
            assert case_shown(browser) == 3
            assert progress(browser) == "2 of 3 rated"
            assert named(browser, "rater").get_property("value") == "A. B."
    assert len(order) == 3
    assert not set(order) & {"chest-pain", "cough", "hostile"}  # an id may tell the answer
    file = exported(browser)

    other = start()
    other.get(address)
    assert wait(lambda: progress(other) == "0 of 3 rated")
    named(other, "file").send_keys(str(file))
    assert wait(lambda: progress(other) == "3 of 3 rated")
    second = exported(other)
    assert complaints(browser) == complaints(other) == []
    for path in (file, second):
        pairs = read_reviews([path], record)
        assert {pair.rater for pair in pairs} == {"A. B."}
        assert all(set(pair.grades["candidate"].values()) == {5} for pair in pairs)
        assert all(set(pair.grades["baseline"].values()) == {2} for pair in pairs)
        suite = human(record, pairs)["suites"]["dialogue"]
        assert suite["preference"]["cases"] == {"wins": 3, "ties": 0, "losses": 0}
        assert suite["dimensions"]["overall"]["difference"] == 3


def test_every_field_can_be_reached_and_used_by_keyboard(browser):
    """Arrows change a grade, Delete takes it back, Space flags harm, letters in a comment are no commands."""
    from selenium.webdriver.common.keys import Keys

    named(browser, "title").click()
    press(browser, "4")
    press(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)  # into the next group: its first grade, then one up
    chosen = "return [...document.querySelectorAll('[type=radio]:checked')].map((one) => one.name + '=' + one.value)"
    assert browser.execute_script(chosen) == ["accuracy-1=4", "accuracy-2=3"]
    press(browser, Keys.DELETE)
    assert browser.execute_script(chosen) == ["accuracy-1=4"]
    seen = []
    for _ in range(30):
        press(browser, Keys.TAB)
        seen.append(browser.execute_script("return document.activeElement.name || document.activeElement.id"))
        if seen[-1] == "harm-2":
            press(browser, Keys.SPACE)
        if seen[-1] == "comment":
            break
    groups = [name for name in seen if name.endswith(("-1", "-2")) or name == "preference"]
    assert groups[-3:] == ["preference", "harm-1", "harm-2"]
    assert named(browser, "harm-2").is_selected()
    press(browser, "no pain 3")
    assert named(browser, "comment").get_property("value") == "no pain 3"
    assert case_shown(browser) == 1
    press(browser, Keys.TAB)  # Previous is off on the first case
    assert browser.execute_script("return document.activeElement.id") == "next"
    press(browser, "n")
    assert case_shown(browser) == 2
    press(browser, "p")
    assert named(browser, "comment").get_property("value") == "no pain 3"


def test_single_keys_can_be_switched_off(browser):
    """Who speaks to the machine, or trembles, can do without single keys, and the page remembers it."""
    named(browser, "help").find_element("tag name", "summary").click()
    named(browser, "shortcuts").send_keys(" ")
    again(browser)
    assert not named(browser, "shortcuts").is_selected()
    press(browser, "4", "n")
    assert browser.execute_script("return document.querySelectorAll('input[type=radio]:checked').length") == 0
    assert case_shown(browser) == 1


def test_hostile_texts_are_shown_as_they_are(browser, record):
    """Markup is text: no element comes of it, no script runs, nothing is asked of a network."""
    shown = set()
    for _ in range(3):
        places = ("asked", "reference", "reply-1", "reply-2")
        shown |= {named(browser, name).get_property("textContent") for name in places}
        press(browser, "n")
    hostile = next(case for case in record["cases"] if case["id"] == "hostile")
    assert {hostile["asked"], hostile["gold"], *(hostile[role]["reply"] for role in ROLES)} <= shown
    assert browser.title == "Blind review"
    assert browser.find_elements("css selector", ".text *, img") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert complaints(browser) == []


def test_the_policy_stops_a_connection_and_an_injected_script(browser):
    """Should a script get in after all, it can neither run inline nor connect."""
    blocked = browser.execute_async_script(INTRUDER)
    assert {"connect-src", "img-src"} <= set(blocked)
    assert set(blocked) & {"script-src-attr", "trusted types"}


INTRUDER = """
const done = arguments[0], seen = [];
addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
fetch("http://127.0.0.1:9/").catch(() => {});
const image = document.createElement("img");
image.src = "http://127.0.0.1:9/x.png";
const button = document.createElement("button");
try { button.setAttribute("onclick", "void 0"); } catch { seen.push("trusted types"); }
document.body.append(image, button);
setTimeout(() => done(seen), 300);
"""
"""What a script would try that got into the page."""


def test_export_asks_who_is_rating(browser):
    """Without a name nothing is exported, and the field says why."""
    named(browser, "export").click()
    assert named(browser, "rater-wrong").text.startswith("Say who you are")
    assert browser.execute_script("return document.activeElement.id") == "rater"
    assert named(browser, "rater").get_attribute("aria-invalid") == "true"


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda _: None, "this is no file of exported ratings"),
        (lambda data: {**data, "run": "0" * 16}, "these ratings belong to another review"),
        (lambda data: {**data, "rater": "X. Y."}, "it is by X. Y., and this page is used by A. B."),
        (lambda data: {**data, "ratings": [{**data["ratings"][0], "key": "0"}]}, "none of this page's"),
        (lambda data: {**data, "ratings": [{**data["ratings"][0], "harm": []}]}, "none of this page's"),
    ],
)
def test_an_import_that_does_not_fit_changes_nothing(browser, tmp_path, alter, message):
    """Another review, another rater, a damaged file: refused with the reason, and what was rated stays."""
    named(browser, "rater").send_keys("A. B.")
    named(browser, "title").click()
    rate(browser, 3, 4, 0)
    data = json.loads(exported(browser).read_text(encoding="utf-8"))
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(alter(data)), encoding="utf-8")
    named(browser, "file").send_keys(str(wrong))
    wait(lambda: "Not imported" in named(browser, "status").text)
    assert message in named(browser, "status").text
    assert progress(browser) == "1 of 3 rated"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_fits_its_width_and_has_contrast(browser, width, theme):
    """Nothing sticks out sideways, targets have 24 px, and text a contrast of 4.5 or more, in both themes."""
    emulate(browser, width, theme)
    again(browser)
    press(browser, "4", "2")
    named(browser, "export").click()  # its complaint is to be seen as well
    assert faults(browser) == []
