"use strict";
(() => {
  const SIZE = 50;
  const ROLES = ["candidate", "baseline"];
  const $ = (id) => document.getElementById(id);

  /* The data are read when the list comes near: a page of 10,000 cases opens at once. */

  let data = null;
  let found = [];
  let at = 0;

  function load() {
    if (data !== null) return;
    data = JSON.parse($("data").textContent);
    fillTags();
    choose();
  }

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function fillTags() {
    const groups = new Map();
    for (const tag of new Set(data.cases.flatMap(({ tags }) => tags))) {
      const key = tag.slice(0, tag.indexOf(": "));
      groups.set(key, [...(groups.get(key) ?? []), tag]);
    }
    for (const [key, tags] of groups) {
      const options = tags.sort().map((tag) => make("option", { value: tag }, tag.slice(key.length + 2)));
      $("tag").append(make("optgroup", { label: key }, ...options));
    }
  }

  /* Choosing cases: every word of the search must occur. */

  function text(one) {
    one.text ??= [one.id, ...one.tags, one.asked, one.gold ?? "", ...ROLES.map((role) => one[role]?.reply ?? "")]
      .join("\n").toLowerCase();
    return one.text;
  }

  const SHOWN = {
    worse: ({ change }) => change !== null && change < 0,
    better: ({ change }) => change !== null && change > 0,
    wrong: ({ correct }) => correct === false,
    silent: ({ candidate }) => candidate !== null && candidate.outcome !== "answered",
    critical: ({ critical }) => critical,
    judged: ({ judge }) => judge !== null,
  };

  function choose() {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [suite, tag, show, order] = ["suite", "tag", "show", "order"].map((id) => $(id).value);
    found = data.cases.filter((one) =>
      (!suite || one.suite === suite) && (!tag || one.tags.includes(tag)) && (!show || SHOWN[show](one))
      && words.every((word) => text(one).includes(word)));
    if (order) {
      const sign = order === "lost" ? 1 : -1;
      found = found.filter(({ change }) => change !== null).sort((one, other) => sign * (one.change - other.change));
    }
    at = 0;
    list();
  }

  /* Showing a page of them. Everything that comes from the data is set as text, never as markup. */

  function list() {
    const shown = found.slice(at, at + SIZE);
    $("list").replaceChildren(...shown.map((one) => make("li", {}, line(one))));
    $("list").start = at + 1;
    const pages = Math.max(1, Math.ceil(found.length / SIZE));
    const range = shown.length ? `, ${at + 1} to ${at + shown.length} shown` : "";
    $("status").textContent = `${found.length} of ${data.cases.length} cases${range}`;
    $("place").textContent = `Page ${at / SIZE + 1} of ${pages}`;
    $("previous").disabled = at === 0;
    $("next").disabled = at + SIZE >= found.length;
    $("open").disabled = shown.length === 0;
  }

  function line(one) {
    const { headline } = data.suites[one.suite];
    const marks = [];
    if (one.critical) marks.push("critical");
    if (one.correct === false) marks.push("not right");
    if (one.candidate && one.candidate.outcome !== "answered") marks.push(one.candidate.outcome);
    const sign = one.change === null ? "" : one.change > 0 ? "▲ better" : one.change < 0 ? "▼ worse" : "= same";
    const scores = ["baseline", "candidate"].filter((role) => one[role]).map((role) => score(one, role, headline));
    const summary = make("summary", {},
      make("b", {}, one.id), " ", make("span", { class: "soft" }, [one.suite, ...one.tags].join(", ")), " ",
      make("span", { class: "figures" }, `${headline} ${scores.join(" → ")} `, make("span", { class: "sign" }, sign)),
      ...marks.map((mark) => make("span", { class: "badge" }, mark)));
    const box = make("details", { class: "case" }, summary);
    box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(...body(one)); });
    return box;
  }

  function score(one, role, name) {
    return one[role].scores[data.suites[one.suite].metrics.indexOf(name)] ?? "-";
  }

  function body(one) {
    const roles = ROLES.filter((role) => one[role]);
    const parts = [block("h3", "Asked", one.asked)];
    if (one.gold !== null) parts.push(block("h3", "Reference", one.gold));
    if (one.rationale) parts.push(block("h3", "Why", one.rationale));
    parts.push(make("div", { class: "replies" }, ...roles.map((role) => reply(role, one[role]))));
    const metrics = data.suites[one.suite].metrics;
    const rows = metrics.map((name) => [name, ...roles.map((role) => score(one, role, name))]);
    if (rows.length) parts.push(table("Scores", ["metric", ...roles], rows));
    if (one.judge) parts.push(...judged(one.judge));
    return parts;
  }

  function block(kind, title, content) {
    const none = !content.trim();
    return make("div", {}, make(kind, {}, title),
      make("p", { class: none ? "text none" : "text", dir: "auto" }, none ? "(no text)" : content));
  }

  function reply(role, { reply: said, thoughts, outcome, detail, notes }) {
    const title = role[0].toUpperCase() + role.slice(1) + (outcome === "answered" ? "" : `: ${outcome}`);
    const box = make("article", {}, block("h3", title, said));
    if (thoughts) box.append(make("details", {}, make("summary", {}, "Thoughts, not scored"), make("p", { class: "text", dir: "auto" }, thoughts)));
    box.append(...[detail, ...notes].filter(Boolean).map((note) => make("p", { class: "note", dir: "auto" }, note)));
    return box;
  }

  function judged({ rows, preferred, unjudged }) {
    const parts = rows.length ? [table("Grades by the judges", ["dimension", ...ROLES], rows)] : [];
    if (preferred !== null) parts.push(make("p", {}, `The judges prefer ${preferred}.`));
    return [...parts, ...unjudged.map((why) => make("p", { class: "note" }, `Not judged: ${why}`))];
  }

  function table(caption, head, rows) {
    const cells = ([name, ...values]) => make("tr", {}, make("th", { scope: "row", class: "t" }, name),
      ...values.map((value) => make("td", { class: "n" }, value)));
    return make("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
      make("table", {}, make("caption", {}, caption),
        make("thead", {}, make("tr", {}, ...head.map((name, place) => make("th", { scope: "col", class: place ? "n" : "t" }, name)))),
        make("tbody", {}, ...rows.map(cells))));
  }

  function turn(pages) {
    at += pages * SIZE;
    list();
    $("cases-title").focus({ preventScroll: true });
    $("status").scrollIntoView({ block: "start" });
  }

  let waiting = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { load(); choose(); }, 150);
  });
  for (const id of ["suite", "tag", "show", "order"]) $(id).addEventListener("change", () => { load(); choose(); });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  $("open").addEventListener("click", () => {
    const boxes = [...$("list").querySelectorAll("details.case")];
    const open = boxes.some((box) => !box.open);
    for (const box of boxes) box.open = open;
  });

  new IntersectionObserver((seen, observer) => {
    if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    load();
  }, { rootMargin: "1000px" }).observe($("cases"));
  $("cases").addEventListener("focusin", load);

  /* What is put away is printed all the same, but for the cases that the reader did not open. */

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not(.case):not([open])")];
    for (const box of opened) box.open = true;
  });
  window.addEventListener("afterprint", () => { for (const box of opened) box.open = false; });
})();
