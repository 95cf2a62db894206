"""A page driven as its reader drives it, and what is asked of every page: it fits, and it can be read."""

import time

HANDLED = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));"
"""Ends when the page has handled the keys that were sent to it: they come before the next frame."""

SMALL = """
const target = (one) => (one.matches("[type=radio], [type=checkbox]") && one.labels[0]) || one;
return [...document.querySelectorAll("button, input:not([hidden]), select, textarea, summary")]
  .filter((one) => one.checkVisibility() && target(one).getBoundingClientRect().height < 24)
  .map((one) => one.outerHTML);
"""
"""Controls that are too low to be hit with a finger (WCAG 2.2, target size, level AA); a label belongs to its box."""

PALE = """
const light = (colour) => {
  const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((one) => Number(one) / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const behind = (one) => {
  const colour = getComputedStyle(one).backgroundColor;
  return colour !== "rgba(0, 0, 0, 0)" || !one.parentElement ? colour : behind(one.parentElement);
};
const ink = (one) => (one.closest("svg") ? getComputedStyle(one).fill : getComputedStyle(one).color);
const bare = ":disabled, :disabled *, script, progress, title, noscript, noscript *";
return [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility() && !one.matches(bare))
  .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .map((one) => [light(ink(one)), light(behind(one)), one.textContent.slice(0, 40)])
  .filter(([own, page]) => (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05) < 4.5);
"""
"""Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, contrast, level AA)."""


def named(browser, name):
    """Find an element by its id."""
    return browser.find_element("id", name)


def press(browser, *keys):
    """Press keys one after the other, wherever the focus is, until the page has handled them."""
    from selenium.webdriver import ActionChains

    for key in keys:
        ActionChains(browser).send_keys(key).perform()
    browser.execute_async_script(HANDLED)


def wait(until, seconds=20.0):
    """Wait until something holds; give what it gave last."""
    end = time.monotonic() + seconds
    while not (found := until()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def complaints(browser):
    """Give what the browser complained of: script errors and violations of the policy."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def emulate(browser, width, theme):
    """Give the page a screen of this width (px) and the user's wish for a theme."""
    features = {"prefers-color-scheme": theme, "prefers-reduced-motion": "reduce"}
    media = {"features": [{"name": name, "value": value} for name, value in features.items()]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    screen = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)


def faults(browser):
    """Give what sticks out sideways, is too low to be hit, or too pale to be read."""
    wide = browser.execute_script("return document.documentElement.scrollWidth > innerWidth ? ['too wide'] : []")
    return [*wide, *browser.execute_script(SMALL), *browser.execute_script(PALE)]
