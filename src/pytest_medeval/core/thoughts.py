"""What a model thinks before it replies, told apart from the reply: pure functions over text.

Thoughts are enclosed by tags, which are named: ``think`` is ``<think>...</think>``, ``[THINK]`` is
``[THINK]...[/THINK]``, ``OPENING...CLOSING`` is any other pair of texts, and ``harmony`` is the form of messages in
channels, of which only ``final`` is the reply. Letter case and blanks within a tag do not count.

Thoughts that hold tags themselves end at the closing tag that balances them, or at the last one where there are too
few. A closing tag that nothing opened was opened by the prompt: all before it is thoughts. An opening tag that nothing
closes is thoughts to the end. A tag in quotation marks, in backticks or in a fenced block of code is text, outside
thoughts and within: a reply may speak of tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from pytest_medeval.core.errors import MedevalError

Tags: TypeAlias = tuple[str, ...]
Part: TypeAlias = Literal["reply", "thoughts", "tag"]

HARMONY = "harmony"
DEFAULT_TAGS: Tags = (
    *("think", "thinking", "thought", "reasoning", "reflection", "seed:think"),
    *("[THINK]", "◁think▷...◁/think▷", "<unused94>...<unused95>", HARMONY),
)
ACCEPTED = (
    "names of tags with commas between them, such as think,[THINK],harmony or OPENING...CLOSING; 'off' where nothing "
    "encloses thoughts"
)

_NAME = re.compile(r"(<)?([^\W\d][\w:.-]*)(?(1)>)")
_SQUARE = re.compile(r"(\[)([^\W\d][\w:.-]*)\]")
_BLANKS = r"[ \t]*"
_QUOTES = {"`": "`", '"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "「": "」", "『": "』"}
_FENCE = re.compile(r"(?m)^ {0,3}(`{3,}|~{3,})[ \t]*([^\n]*)$")
_FENCE_HEAD = re.compile(r"\s*(?:(?:`{3,}|~{3,})[^\n]*\n\s*)?")
_MESSAGE = re.compile(r"(?:<\|start\|>[^<]*)?<\|channel\|>\s*(\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_END = re.compile(r"<\|(?:end|return|call)\|>(?:<\|start\|>\s*assistant\s*\Z)?")
_BARE = re.compile(r"\A\s*(analysis)(?=\S)(?:(.*?)(assistantfinal)|(?=[A-Z]))", re.DOTALL)
"""Messages in channels from which a server took the special tokens: ``analysisWe need ...assistantfinalTake ...``."""


class Split(NamedTuple):
    """Thoughts and reply; ``unclosed`` where the text ends inside thoughts."""

    thoughts: str
    reply: str
    unclosed: bool


def parse_tags(text: str) -> Tags:
    """Read what ``--medeval-thoughts`` names.

    >>> parse_tags("think, <reason>,## Thinking...## Final Response"), parse_tags("off")
    (('think', '<reason>', '## Thinking...## Final Response'), ())
    """
    if text.strip() == "off":
        return ()
    tags = tuple(tag.strip() for tag in text.split(","))
    for tag in tags:
        _kind(tag)
    return tags


def split(text: str, tags: Tags = DEFAULT_TAGS, lead: str = "") -> Split:
    """Tell thoughts from the reply; ``lead`` is what the prompt ended with, which may have opened them.

    A text without thoughts is given as it is. Nothing but tags and blanks at the edges is lost.

    >>> split("<think>Fever: sepsis?</think>Call an ambulance.")
    Split(thoughts='Fever: sepsis?', reply='Call an ambulance.', unclosed=False)
    >>> split("Fever: sep", lead="<think>").unclosed
    True
    """
    inside = lead if lead and split(lead, tags).unclosed else ""
    thoughts, reply, unclosed = "", text, False
    while True:  # what is left, put together, may read as tags again
        found, open_end = pieces(reply, tags, inside)
        if not inside and all(part == "reply" for part, _ in found):
            return Split(thoughts, reply, unclosed)
        thoughts = thoughts_joined(thoughts, *(piece for part, piece in found if part == "thoughts"))
        reply = _sentence([piece for part, piece in found if part == "reply"])
        unclosed, inside = unclosed or open_end, ""


def thoughts_joined(*thoughts: str) -> str:
    """Put thoughts from several places under each other."""
    return "\n\n".join(filter(None, (one.strip() for one in thoughts)))


def pieces(text: str, tags: Tags, lead: str = "") -> tuple[list[tuple[Part, str]], bool]:
    """Cut a text into thoughts, tags and the rest, which together are the text; say whether it ends in thoughts.

    ``lead``: what opened thoughts before the text began, empty where nothing did.
    """
    kinds = _kinds(tags)
    inside = _opened_by(lead, kinds) if lead else None
    whole: list[tuple[Part, str]] = [("reply", text)]
    channels, unclosed = _channels(text, lead) if HARMONY in tags else (whole, False)
    found: list[tuple[Part, str]] = []
    for part, piece in channels:
        if part == "reply":
            cut, open_end = _cut(piece, kinds, inside)
            found += cut
            unclosed, inside = unclosed or open_end, None
        else:
            found.append((part, piece))
    return [(part, piece) for part, piece in found if piece], unclosed


@dataclass(frozen=True, slots=True)
class _Kind:
    opening: re.Pattern[str]
    closing: re.Pattern[str]


class _Tag(NamedTuple):
    start: int
    end: int
    kind: _Kind
    opens: bool


class _Block(NamedTuple):
    """Thoughts with their tags: where the opening one begins and ends, where the closing one begins and ends."""

    start: int
    begin: int
    stop: int
    end: int


@cache
def _kinds(tags: Tags) -> tuple[_Kind, ...]:
    return tuple(_kind(tag) for tag in tags if tag != HARMONY)


def _kind(tag: str) -> _Kind:
    opening, dots, closing = (part.strip() for part in tag.partition("..."))
    if dots and opening and closing:
        return _pair(re.escape(opening), re.escape(closing))
    for form, left, right in ((_NAME, "<", ">"), (_SQUARE, r"\[", r"\]")):
        if (found := form.fullmatch(tag)) and not dots:
            name = f"{re.escape(found[2])}{_BLANKS}{right}"
            return _pair(f"{left}{_BLANKS}{name}", f"{left}{_BLANKS}/{_BLANKS}{name}")
    raise MedevalError(f"{tag!r} names no tag; accepted: {ACCEPTED}")


def _pair(opening: str, closing: str) -> _Kind:
    return _Kind(re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE))


def _opened_by(lead: str, kinds: tuple[_Kind, ...]) -> _Kind | None:
    """Find the kind of thoughts that a prompt left open: that of its last opening tag."""
    opening = [tag for tag in _tags(lead, kinds) if tag.opens]
    return opening[-1].kind if opening else None


def _cut(text: str, kinds: tuple[_Kind, ...], inside: _Kind | None) -> tuple[list[tuple[Part, str]], bool]:
    blocks, unclosed = _blocks(text, list(_tags(text, kinds)), inside)
    found: list[tuple[Part, str]] = []
    at = 0
    for block in blocks:
        found += [
            ("reply", text[at : block.start]),
            ("tag", text[block.start : block.begin]),
            ("thoughts", text[block.begin : block.stop]),
            ("tag", text[block.stop : block.end]),
        ]
        at = block.end
    return [*found, ("reply", text[at:])], unclosed


def _blocks(text: str, tags: list[_Tag], inside: _Kind | None) -> tuple[list[_Block], bool]:
    """Find the thoughts of a text, in order; say whether the last of them are unclosed."""
    blocks: list[_Block] = []
    fences = _fences(text)
    at = begin = 0
    kind = inside
    if tags and tags[0].opens and tags[0].kind is inside and not text[: tags[0].start].strip():
        kind = None  # the reply repeats the tag that the prompt ends with
    start, rest = 0, tags
    while True:
        if kind is not None:
            closing = _closing(rest, kind)
            if closing is None:
                return [*blocks, _Block(start, begin, len(text), len(text))], True
            blocks.append(_Block(start, begin, closing.start, closing.end))
            at, kind = closing.end, None
        rest = [tag for tag in rest if tag.start >= at]
        tag = next((tag for tag in rest if not _fenced(tag, fences, at) or _heads(text, tag, rest)), None)
        if tag is None:
            return blocks, False
        rest = [later for later in rest if later.start >= tag.end]
        if tag.opens:
            start, begin, kind = tag.start, tag.end, tag.kind
        else:
            blocks, at = [_Block(0, 0, tag.start, tag.end)], tag.end


def _closing(tags: list[_Tag], kind: _Kind) -> _Tag | None:
    """Find the tag that balances an opening one before ``tags``, else the last that closes anything."""
    depth, last = 1, None
    for tag in tags:
        if tag.kind is kind:
            depth += 1 if tag.opens else -1
            last = last if tag.opens else tag
            if depth == 0:
                break
    return last


def _tags(text: str, kinds: tuple[_Kind, ...]) -> Iterator[_Tag]:
    """Give the tags of a text, in order, without those that it quotes."""
    found = (
        _Tag(match.start(), match.end(), kind, opens)
        for kind in kinds
        for opens, form in ((True, kind.opening), (False, kind.closing))
        for match in form.finditer(text)
    )
    at = 0
    for tag in sorted(found, key=lambda tag: (tag.start, -tag.end)):
        if tag.start >= at and not _quoted(text, tag):
            yield tag
            at = tag.end


def _quoted(text: str, tag: _Tag) -> bool:
    """Say whether quotation marks stand around a tag: ``"B"</think>"B"`` has none that do."""
    before, after = text[max(0, tag.start - 2) : tag.start], text[tag.end : tag.end + 2]
    if not before or _QUOTES.get(before[-1]) != after[:1]:
        return False
    opens = len(before) == 1 or before[0].isspace() or before[0] in "`([{:,，：（"
    return opens and not after[1:].isalnum()


def _fences(text: str) -> list[tuple[int, int]]:
    """Find the fenced blocks of code that are closed before another one opens."""
    lines = list(_FENCE.finditer(text))
    found, index = [], 0
    while index + 1 < len(lines):
        head, foot = lines[index], lines[index + 1]
        whole = foot[1].startswith(head[1]) and not foot[2].strip()
        if whole:
            found.append((head.start(), foot.end()))
        index += 2 if whole else 1
    return found


def _fenced(tag: _Tag, fences: list[tuple[int, int]], at: int) -> bool:
    """Say whether a tag stands in a fenced block of the part that begins at ``at``."""
    return any(start >= at and start < tag.start < end for start, end in fences)


def _heads(text: str, tag: _Tag, tags: list[_Tag]) -> bool:
    """Say whether thoughts are what a text begins with, be it in a fence: then the fence is around the whole answer."""
    closed = any(other.kind is tag.kind and not other.opens for other in tags)
    return tag.opens and closed and _FENCE_HEAD.fullmatch(text, 0, tag.start) is not None


def _channels(text: str, lead: str) -> tuple[list[tuple[Part, str]], bool]:
    """Cut a text into messages of harmony's channels; all of it is reply where it has none."""
    if found := _BARE.match(text):
        head: list[tuple[Part, str]] = [("tag", text[: found.end(1)])]
        if found[3] is None:
            return [*head, ("thoughts", text[found.end(1) :])], True
        return [*head, ("thoughts", found[2]), ("tag", found[3]), ("reply", text[found.end() :])], False
    heads = list(_MESSAGE.finditer(text))
    opened = list(_MESSAGE.finditer(lead))
    if not heads and not opened:
        return [("reply", text)], False
    parts = [_part(opened[-1][1]) if opened else "reply", *(_part(one[1]) for one in heads)]
    spans = [(0, 0), *(one.span() for one in heads)]
    ends = [*(one.start() for one in heads), len(text)]
    cut: list[tuple[Part, str]] = []
    unclosed = False
    for part, (start, begin), end in zip(parts, spans, ends, strict=True):
        closed = _END.search(text, begin, end)
        stop, rest = closed.span() if closed else (end, end)
        cut += [("tag", text[start:begin]), (part, text[begin:stop]), ("tag", text[stop:rest]), (part, text[rest:end])]
        unclosed = part == "thoughts" and closed is None
    return cut, unclosed


def _part(channel: str) -> Part:
    return "reply" if channel == "final" else "thoughts"


def _sentence(replies: list[str]) -> str:
    """Put together what stood around thoughts, with a blank where words would meet."""
    text = ""
    for piece in replies:
        meets = text and piece and not text[-1].isspace() and not piece[0].isspace()
        text += f" {piece}" if meets else piece
    return text.strip()
