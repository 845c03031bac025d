// A unit: its limits, alarms, histories, refused windows and the table of windows.

const MOST_LINES = 200;

/** A table from heads and lines of texts; ``numbers`` are the columns set right. */
function tableOf(heads, lines, numbers = []) {
  const style = (i) => ({ class: numbers.includes(i) ? "num" : i === 0 ? "lead" : "" });
  return make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head, i) => make("th", { scope: "col", ...style(i) }, head)))),
    make("tbody", {}, ...lines.map((line) => make("tr", {}, ...line.map((text, i) => make("td", style(i), text))))));
}

/** A section, or nothing where it has no content. */
const section = (title, ...content) =>
  content.length ? [make("section", {}, make("h2", {}, title), ...content)] : [];

const scrolled = (label, child, kind = "") =>
  make("div", { class: `scroll ${kind}`.trim(), tabindex: "0", role: "region", "aria-label": label }, child);

function limitsOf(unit) {
  if (!unit.limits.length) return [];
  const lines = unit.limits.map((limit) => {
    const parameter = fleet.parameters[limit.parameter];
    const [life, interval = NONE] = lifeWords(limit.life);
    const reached = limit.life ? percent(limit.life[3]) : NONE;
    return [`${parameter.name} ${limit.falls ? "<" : ">"} ${plain(limit.value)} ${parameter.unit}`,
      percent(limit.beyond ?? NaN), life, interval, reached];
  });
  const heads = ["Limit", "P(beyond) now", `Life [${fleet.time}]`, "90 % interval", "Ever reached"];
  const told = "Life: the time left if the parameter goes on as it does.";
  return [scrolled("Limits", tableOf(heads, lines, [1, 2, 3, 4])), make("p", { class: "note" }, told)];
}

function alarmLines(unit) {
  if (!unit.alarms.length) return [];
  const lines = [...unit.alarms].sort((a, b) => b.time - a.time).map((alarm) =>
    [plain(alarm.time), alarm.kind, alarm.parameter, plain(alarm.since), percent(alarm.probability ?? NaN)]);
  return [scrolled("Alarms", tableOf(["Raised", "Kind", "Parameter", "Since", "Probability"], lines, [0, 3, 4]))];
}

function refusedLines(unit) {
  if (!unit.refusals.length) return [];
  const lines = [...unit.refusals].reverse().map(([time, reason]) => [plain(time), reason]);
  const rest = unit.refused - lines.length;
  const more = rest > 0 ? [make("p", { class: "note" }, `${rest} older ones are not listed.`)] : [];
  return [scrolled("Refused windows", tableOf([`At ${fleet.time}`, "Reason"], lines, [0]), "windows"), ...more];
}

/** All windows the page holds, the newest first; beyond some hundreds after a click. */
function windowLines(unit, most = MOST_LINES) {
  const time = timesOf(unit);
  const shown = [...time.keys()].reverse().slice(0, most);
  const lines = shown.map((i) => {
    const [rung, verdict, refusal] = fleet.outcomes[unit.outcomes[i]];
    return [plain(time[i]), refusal ? "refused" : rung, verdict, ...fleet.parameters.map((_, j) => windowText(unit, j, i))];
  });
  const heads = [fleet.time, "Rung", "Verdict", ...fleet.parameters.map(named)];
  const box = make("div", {}, scrolled("Windows", tableOf(heads, lines, [0, ...fleet.parameters.map((_, j) => j + 3)]), "windows"));
  const told = unit.windows > time.length ? `${time.length} of ${unit.windows} windows are in this page. ` : "";
  box.append(make("p", { class: "note" }, `${told}Median and 90 % interval per window.`));
  if (time.length > most) {
    const button = make("button", { type: "button" }, `Show all ${time.length}`);
    button.addEventListener("click", () => box.replaceWith(windowLines(unit, Infinity)));
    box.append(button);
  }
  return box;
}

/** Links back and to the neighbours in the table's present order. */
function stepsOf(unit) {
  const place = view.list.findIndex((row) => row.unit === unit);
  const link = (row, text, rel) => (row ? [make("a", { href: addressOf(row.unit.name), rel }, text)] : []);
  const beside = place < 0 ? [] : [...link(view.list[place - 1], "Previous unit", "prev"), ...link(view.list[place + 1], "Next unit", "next")];
  return make("nav", { class: "steps", "aria-label": "Units" }, make("a", { href: "#", id: "back" }, "← All units"), ...beside);
}

function factsOf(unit) {
  const state = fleet.states[unit.state];
  const facts = [
    ["State", make("span", { class: `state ${state}` }, `${SIGNS[state]} ${state}`)],
    [`Last window [${fleet.time}]`, plain(timesOf(unit).at(-1) ?? NaN)],
    ["Fitted", String(unit.windows - unit.refused)],
    ["Refused", String(unit.refused)],
  ];
  return make("dl", { class: "facts" }, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/** Fills the unit's view; histories are as wide as their column is. */
function showUnit(unit) {
  const histories = make("div", { class: "histories" });
  byId("unit").replaceChildren(
    stepsOf(unit), make("p", { class: "kicker" }, fleet.title),
    make("h1", { tabindex: "-1" }, make("bdi", {}, seen(unit.name))), factsOf(unit),
    make("div", { class: "columns" }, ...section("Alarms", ...alarmLines(unit)), ...section("Limits", ...limitsOf(unit))),
    ...section("Histories", histories), ...section("Refused windows", ...refusedLines(unit)),
    ...section("Windows", windowLines(unit)));
  const drawAll = () => {
    const probe = make("div");
    histories.replaceChildren(...fleet.parameters.map(() => probe.cloneNode()));
    const width = Math.max(260, Math.floor(histories.firstElementChild?.clientWidth ?? 0));
    histories.replaceChildren(...fleet.parameters.map((_, j) => history(unit, j, width)));
  };
  drawAll();
  return drawAll;
}
