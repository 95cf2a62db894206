"""A real Chromium with a profile of its own, and a small run whose replies try to break out of the page."""

import importlib.util
import shutil
import tomllib
import zlib
from pathlib import Path

import pytest

from pytest_medeval.report.review import page

TEXTS = Path(__file__).with_name("texts.toml")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root with it, and containers run as root
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
)


def _role(reply, score):
    return {"reply": reply, "outcome": "answered", "scores": {"rougeL": score}}


@pytest.fixture
def record(request):
    """Make a run of one dialogue suite, each test its own: the shared browser keeps ratings by run.

    The two replies of case ``alike`` differ in white space only.
    """
    texts = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    cases = [
        {
            "suite": "dialogue", "id": name, "nodeid": f"test_dialogue.py::test[{name}]", "tags": {},
            "cluster": None, "asked": text["asked"], "gold": text["gold"],
            "candidate": _role(text["candidate"], 0.4 + place / 10), "baseline": _role(text["baseline"], 0.3),
        }
        for place, (name, text) in enumerate(texts.items())
    ]  # fmt: skip
    return {
        "seed": zlib.crc32(request.node.nodeid.encode()),
        "cases": cases,
        "gates": [],
        "divergence": {},
        "models": {"candidate": {"fingerprint": "c" * 64}, "baseline": {"fingerprint": "b" * 64}},
        "suites": {
            "dialogue": {"task": "dialogue", "judged": True, "headline": "rougeL", "signature": "5" * 64, "metrics": {}}
        },
    }


@pytest.fixture
def address(record, tmp_path):
    """Write the page of all cases as a file to open."""
    file = tmp_path / "review.html"
    file.write_text(page(record, size=10, seed=3), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Open Chromium with a fresh profile; downloads go to its ``downloads``."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    found = {"chromium": chromium, "chromedriver": driver, "selenium": importlib.util.find_spec("selenium")}
    missing = ", ".join(name for name, one in found.items() if not one)
    if missing:
        pytest.skip(f"no browser test: {missing} not found (apt: chromium chromium-driver; PyPI: selenium)")
    from selenium import webdriver

    opened = []

    def open_one():
        folder = tmp_path_factory.mktemp("browser")
        (folder / "downloads").mkdir()
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for option in (*OPTIONS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(option)
        options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        browser.downloads = folder / "downloads"
        opened.append(browser)
        return browser

    yield open_one
    for browser in opened:
        browser.quit()


@pytest.fixture(scope="session")
def one_browser(start):
    """Start the browser that most tests share: starting one takes seconds."""
    return start()


@pytest.fixture
def browser(one_browser, address):
    """Open the page as a reader who has never seen it, 1280 px wide."""
    screen = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    one_browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    one_browser.get(address)
    one_browser.get_log("browser")
    return one_browser
