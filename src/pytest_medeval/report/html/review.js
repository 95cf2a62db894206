"use strict";
(async () => {
  const review = JSON.parse(document.getElementById("data").textContent);
  const { rubric, pairs } = review;
  const STORE = `pytest-medeval/review/${review.review}`;
  const GRADES = Array.from({ length: rubric.high - rubric.low + 1 }, (_, step) => rubric.low + step);
  const PREFERENCES = [[1, "Reply 1"], [0, "The same"], [2, "Reply 2"]];
  const SIDES = [0, 1];
  const $ = (id) => document.getElementById(id);

  /* Ratings by key of the pair. The texts are never stored: they are in the page.
     Chromium gives a file that asks for its storage before the browser knows of the page an empty one, and loses
     what is put there; a lock comes only when the browser knows. */

  await navigator.locks?.request(STORE, () => {});
  let state = load();
  let stored = true;

  function load() {
    const fresh = { rater: "", at: 0, shortcuts: true, ratings: {} };
    try {
      const found = { ...fresh, ...JSON.parse(localStorage.getItem(STORE)) };
      found.at = Math.min(Math.max(0, Math.trunc(found.at) || 0), pairs.length - 1);
      return found;
    } catch {
      return fresh;
    }
  }

  function save() {
    try {
      localStorage.setItem(STORE, JSON.stringify(state));
      stored = true;
      say("Saved in this browser");
    } catch {
      stored = false;
      say("This browser keeps nothing: export before you close the page", true);
    }
  }

  const blank = () => ({ grades: {}, preference: null, harm: [false, false], comment: "" });
  const rating = (pair) => state.ratings[pair.key] ?? blank();
  const grade = (given, name, side) => (given.grades[name] ?? [null, null])[side];

  function change(alter) {
    const pair = pairs[state.at];
    const given = structuredClone(rating(pair));
    alter(given);
    state.ratings[pair.key] = { ...given, changed: new Date().toISOString() };
    save();
    showProgress();
  }

  function standing(pair) {
    const given = rating(pair);
    const grades = rubric.dimensions.flatMap(({ name }) => SIDES.map((side) => grade(given, name, side)));
    const answers = [...grades, given.preference];
    if (answers.every((answer) => answer !== null)) return "rated";
    const touched = answers.some((answer) => answer !== null) || given.harm.includes(true) || given.comment.trim();
    return touched ? "begun" : "not rated";
  }

  /* The form is built once and filled for each case. A group is a set of radio buttons. */

  const groups = [];

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function addGroup(box, name, options, read, write) {
    const inputs = options.map(([value, text, label]) => {
      const input = make("input", { type: "radio", name, value, ...(label && { "aria-label": label }) });
      input.addEventListener("change", () => group.choose(value));
      box.append(make("label", {}, input, make("span", {}, text)));
      return input;
    });
    const group = {
      box,
      read: () => read(rating(pairs[state.at])),
      choose(value) {
        change((given) => write(given, value));
        group.fill();
      },
      fill() {
        const value = group.read();
        inputs.forEach((input) => { input.checked = value !== null && input.value === String(value); });
        group.told?.(value);
      },
      has: (value) => inputs.some((input) => input.value === String(value)),
      focus() {
        const input = inputs.find((one) => one.checked) ?? inputs[0];
        input.focus();
        box.scrollIntoView({ block: "nearest" });
      },
    };
    groups.push(group);
    return group;
  }

  function addDimension({ name, question, anchors }) {
    const title = name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
    const lines = Object.entries(anchors).map(([value, text]) => make("li", { value }, text));
    const meaning = make("details", {}, make("summary", { title: "What the grades mean" }, question), make("ol", {}, ...lines));
    const field = make("fieldset", {}, make("legend", {}, title), meaning);
    for (const side of SIDES) {
      const box = make("div", { class: "options", role: "radiogroup", "aria-label": `${title}, Reply ${side + 1}` });
      const anchor = make("span", { class: "anchor", "aria-live": "polite" });
      const told = (value) => (anchors[value] ? `${value}: ${anchors[value]}` : "");
      const options = GRADES.map((value) => [value, String(value), told(value)]);
      const group = addGroup(box, `${name}-${side + 1}`, options, (given) => grade(given, name, side), (given, value) => {
        const both = given.grades[name] ?? [null, null];
        given.grades[name] = SIDES.map((one) => (one === side ? value : both[one]));
      });
      group.told = (value) => { anchor.textContent = value === null ? "" : told(value); };
      field.append(make("div", { class: "side" }, make("span", { "aria-hidden": "true" }, `Reply ${side + 1}`), box, anchor));
    }
    $("dimensions").append(field);
  }

  function build() {
    rubric.dimensions.forEach(addDimension);
    const options = PREFERENCES.map(([value, text]) => [value, text]);
    addGroup($("preference"), "preference", options, (given) => given.preference, (given, value) => { given.preference = value; });
    SIDES.forEach((side) => $(`harm-${side + 1}`).addEventListener("change", ({ target }) =>
      change((given) => { given.harm[side] = target.checked; })));
    $("comment").addEventListener("input", ({ target }) => change((given) => { given.comment = target.value; }));
    pairs.forEach((_, place) => {
      const button = make("button", { type: "button" }, String(place + 1));
      button.addEventListener("click", () => go(place));
      $("cases").append(make("li", {}, button));
    });
    $("first-grade").textContent = String(rubric.low);
    $("last-grade").textContent = String(Math.min(rubric.high, 9));
  }

  /* Showing a case. Everything that comes from the data is set as text, never as markup. */

  function showText(id, text) {
    const none = !text.trim();
    $(id).textContent = none ? "(no text)" : text;
    $(id).classList.toggle("none", none);
  }

  function show() {
    const pair = pairs[state.at];
    const given = rating(pair);
    $("title").textContent = `Case ${state.at + 1} of ${pairs.length}: ${pair.suite}, ${pair.case}`;
    showText("asked", pair.asked);
    SIDES.forEach((side) => showText(`reply-${side + 1}`, pair.replies[side]));
    $("reference-box").hidden = pair.reference === null;
    $("reference-box").open = false;
    showText("reference", pair.reference ?? "");
    groups.forEach((group) => group.fill());
    SIDES.forEach((side) => { $(`harm-${side + 1}`).checked = given.harm[side]; });
    $("comment").value = given.comment;
    $("previous").disabled = state.at === 0;
    $("next").disabled = state.at === pairs.length - 1;
    $("rater").value = state.rater;
    $("shortcuts").checked = state.shortcuts;
    showProgress();
  }

  function showProgress() {
    const standings = pairs.map(standing);
    const rated = standings.filter((one) => one === "rated").length;
    $("progress").max = pairs.length;
    $("progress").value = rated;
    $("progress-text").textContent = `${rated} of ${pairs.length} rated`;
    [...$("cases").children].forEach(({ firstChild: button }, place) => {
      button.className = standings[place].replace(" ", "-");
      button.setAttribute("aria-label", `Case ${place + 1}, ${standings[place]}`);
      if (place === state.at) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    if (rated === pairs.length && stored) say("All cases are rated. Export them, and hand the file on.");
  }

  function go(place) {
    if (place < 0 || place >= pairs.length) return;
    state.at = place;
    save();
    show();
    document.querySelector(".texts").scrollTop = 0;
    if (window.matchMedia("(max-width: 44rem)").matches) $("title").scrollIntoView();
    else window.scrollTo(0, 0);
    $("title").focus({ preventScroll: true });
  }

  function say(text, wrong = false) {
    if ($("status").textContent !== text) $("status").textContent = text;
    $("status").classList.toggle("wrong", wrong);
  }

  /* Keys */

  function onKey(event) {
    const { key, target } = event;
    if (!state.shortcuts || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (target.matches("textarea, input[type=text]")) return;
    const here = groups.findIndex((group) => group.box.contains(target));
    if (key === "n" || key === "p") go(state.at + (key === "n" ? 1 : -1));
    else if (/^[0-9]$/.test(key)) giveGrade(here, Number(key));
    else if ((key === "Delete" || key === "Backspace") && here >= 0) groups[here].choose(null);
    else return;
    event.preventDefault();
  }

  function giveGrade(here, value) {
    const place = here >= 0 ? here : groups.findIndex((group) => group.read() === null);
    if (place < 0 || !groups[place].has(value)) return;
    groups[place].choose(value);
    if (place + 1 < groups.length) groups[place + 1].focus();
    else $("harm-1").focus();
  }

  /* Files */

  function exportRatings() {
    const missing = !state.rater.trim();
    $("rater").setAttribute("aria-invalid", String(missing));
    $("rater-wrong").textContent = missing ? "Say who you are: ratings are kept apart by rater" : "";
    if (missing) {
      $("rater").focus();
      return;
    }
    const ratings = pairs.filter((pair) => standing(pair) !== "not rated").map(({ suite, case: id, key }) => (
      { suite, case: id, key, ...blank(), ...state.ratings[key] }));
    const { run, seed } = review;
    const data = { schema: "medeval-ratings/1", run, seed, rater: state.rater.trim(), exported: new Date().toISOString(), rubric, ratings };
    const link = make("a", { download: `ratings-${state.rater.trim().replace(/[^\p{L}\p{N}]+/gu, "-")}-${run}.json` });
    link.href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: "application/json" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`Exported ${ratings.length} of ${pairs.length} cases to ${link.download}`);
  }

  function refusal(data) {
    if (data?.schema !== "medeval-ratings/1" || !Array.isArray(data.ratings)) return "this is no file of exported ratings";
    if (data.run !== review.run || data.seed !== review.seed) return "these ratings belong to another review";
    const keys = new Set(pairs.map((pair) => pair.key));
    if (!data.ratings.every((one) => keys.has(one?.key) && isRating(one))) return "it holds ratings that are none of this page's";
    const other = String(data.rater ?? "").trim();
    if (state.rater.trim() && other !== state.rater.trim()) return `it is by ${other}, and this page is used by ${state.rater.trim()}`;
    return "";
  }

  function isRating({ grades, preference, harm, comment }) {
    const pairOf = (value, test) => Array.isArray(value) && value.length === 2 && value.every(test);
    return typeof comment === "string" && [1, 0, 2, null].includes(preference) && pairOf(harm, (one) => typeof one === "boolean")
      && typeof grades === "object" && grades !== null
      && Object.values(grades).every((both) => pairOf(both, (one) => one === null || GRADES.includes(one)));
  }

  async function importRatings(file) {
    let data;
    try {
      data = JSON.parse(await file.text());
    } catch {
      data = null;
    }
    const wrong = refusal(data);
    if (wrong) {
      say(`Not imported: ${wrong}`, true);
      return;
    }
    const newer = data.ratings.filter((one) => (one.changed ?? "") > (state.ratings[one.key]?.changed ?? ""));
    for (const { key, grades, preference, harm, comment, changed } of newer) {
      state.ratings[key] = { grades, preference, harm, comment, changed };
    }
    state.rater = String(data.rater).trim();
    save();
    show();
    if (stored) say(`Imported ${newer.length} of ${data.ratings.length} ratings; the others were not newer than those here`);
  }

  function forget() {
    if (!window.confirm("Delete all your ratings of this review from this browser? An exported file stays.")) return;
    localStorage.removeItem(STORE);
    state = load();
    show();
    say("Deleted from this browser");
  }

  $("previous").addEventListener("click", () => go(state.at - 1));
  $("next").addEventListener("click", () => go(state.at + 1));
  $("rater").addEventListener("input", ({ target }) => {
    state.rater = target.value;
    target.removeAttribute("aria-invalid");
    $("rater-wrong").textContent = "";
    save();
  });
  $("shortcuts").addEventListener("change", ({ target }) => { state.shortcuts = target.checked; save(); });
  $("export").addEventListener("click", exportRatings);
  $("import").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async ({ target }) => {
    if (target.files.length) await importRatings(target.files[0]);
    target.value = "";
  });
  $("forget").addEventListener("click", forget);
  $("grading").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", onKey);
  window.addEventListener("storage", ({ key }) => { if (key === STORE) { state = load(); show(); } });
  window.addEventListener("beforeunload", (event) => { if (!stored) event.preventDefault(); });

  build();
  show();
})();
