"""HTML in small pieces, every text escaped; and what a page needs to stand in one file and fetch nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import resources

VOID = frozenset({"br", "input", "line", "rect", "circle", "path", "polyline", "polygon"})
"""Elements without an end: of HTML, and the shapes of SVG that are written here without content."""


class Html(str):
    """Text that is markup already; any other text is escaped."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: object) -> Html:
    """Make an element; ``cls`` is its class, ``aria_label`` its aria-label; None and False leave one out.

    >>> print(tag("p", "a < b", cls="note"))
    <p class="note">a &lt; b</p>
    """
    told = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in VOID:
        return Html(f"<{name}{told}{'' if name in ('br', 'input') else '/'}>")
    return Html(f"<{name}{told}>{joined(children)}</{name}>")


def joined(children: Iterable[str], by: str = "") -> Html:
    """Put pieces one after another; what is no markup is escaped."""
    return Html(by.join(child if isinstance(child, Html) else html.escape(child) for child in children))


def _attribute(key: str, value: object) -> str:
    name = "class" if key == "cls" else key.replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def code(text: str) -> Html:
    """Show a name, an expression or a digest."""
    return tag("code", text)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, words: Collection[int] = ()) -> Html:
    """Make a table with a caption; the first cell of a row names the row, columns in ``words`` hold prose.

    It can be scrolled sideways by itself, by keyboard too, so that a phone shows the page and not a strip of it.
    """
    kinds = ["t" if place in words or not place else "n" for place in range(len(head))]
    top = tag("tr", *(tag("th", one, scope="col", cls=kind) for one, kind in zip(head, kinds, strict=True)))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row", cls="t"),
            *(tag("td", cell, cls=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in rows
    ]
    inner = tag("table", tag("caption", caption), tag("thead", top), tag("tbody", *body))
    return tag("div", inner, cls="scroll", role="region", aria_label=caption, tabindex="0")


def details(summary: str, *children: str) -> Html:
    """Put something away until it is asked for."""
    return tag("details", tag("summary", summary), *children)


def policy(style: str, script: str) -> str:
    """Give the Content Security Policy of a page with this one style and this one script.

    No connection, no image, no frame, no form, and no other script if one got in.
    """
    return (
        f"default-src 'none'; script-src '{_sha256(script)}'; style-src '{_sha256(style)}'; "
        "connect-src 'none'; img-src 'none'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'"
    )


def embedded(data: object) -> str:
    """Give JSON that is safe inside a script element: ASCII, and without ``<``, ``>`` and ``&``."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Fill the ``{{names}}`` of a template, all at once: a name in a filled-in text stays text."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def part(name: str) -> str:
    """Read a file that lies beside this one."""
    file = resources.files("pytest_medeval.report.html").joinpath(name)
    return file.read_text(encoding="utf-8").replace("\r\n", "\n")


def _sha256(text: str) -> str:
    """Give a source of the Content Security Policy for an inline element with this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
