// The table: sorted by any column, filtered by name and state, a page at a time.

const PAGE = 50;
const collator = new Intl.Collator("en", { numeric: true });

/** What the columns sort by: numbers, NaN where there is none. */
const rows = fleet.units.map((unit) => {
  const limit = nearestLimit(unit);
  const half = limit?.life ? (limit.life[1] ?? Infinity) : NaN;
  return {
    unit,
    folded: unit.name.toLocaleLowerCase("en"),
    time: timesOf(unit).at(-1) ?? NaN,
    last: fleet.parameters.map((_, j) => newest(unit, j)),
    limit,
    beyond: limit?.beyond ?? NaN,
    life: half,
  };
});
[...rows].sort((a, b) => collator.compare(a.unit.name, b.unit.name)).forEach((row, rank) => (row.rank = rank));

const columns = [
  { title: "Unit", value: (row) => row.rank, cell: nameCell },
  { title: "State", value: (row) => row.unit.state, cell: stateCell },
  { title: "P(beyond)", number: true, falls: true, value: (row) => row.beyond, cell: beyondCell },
  { title: "Life", of: fleet.time, number: true, value: (row) => row.life, cell: lifeCell },
  ...fleet.parameters.map((parameter, j) => ({
    title: parameter.name, of: parameter.unit, number: true, value: (row) => row.last[j].median, cell: (row) => valueCell(row, j),
  })),
  { title: "Last", of: fleet.time, number: true, value: (row) => row.time, cell: (row) => [plain(row.time)] },
  { title: "Fitted", number: true, value: fittedOf, cell: (row) => [String(fittedOf(row))] },
  { title: "Refused", number: true, falls: true, value: (row) => row.unit.refused, cell: (row) => [String(row.unit.refused)] },
];

/** Sorted by ``column``, falling or rising; of units whose name holds ``text`` and whose state is one of ``states``, if any. */
const view = { column: 1, falls: false, text: "", states: new Set(), page: 0, list: [] };

function fittedOf(row) {
  return row.unit.windows - row.unit.refused;
}

function nameCell(row) {
  return [make("a", { href: addressOf(row.unit.name) }, make("bdi", {}, seen(row.unit.name)))];
}

function stateCell(row) {
  const state = fleet.states[row.unit.state];
  return [make("span", { class: `state ${state}` }, `${SIGNS[state]} ${state}`)];
}

function valueCell(row, j) {
  const { median, half } = row.last[j];
  const digits = row.unit.decimals[j];
  return [`${fixed(median, digits)} ± ${fixed(half, digits)}`, sparkline(row.unit, j)];
}

function beyondCell(row) {
  if (!row.limit) return [NONE];
  const { parameter, value, falls } = row.limit;
  const what = `${fleet.parameters[parameter].name} ${falls ? "<" : ">"} ${plain(value)}`;
  return [percent(row.beyond), make("span", { class: "small" }, what)];
}

function lifeCell(row) {
  const [middle, interval] = lifeWords(row.limit?.life);
  return interval ? [middle, make("span", { class: "small" }, interval)] : [middle];
}

/** Rows in order: by the column's numbers, those without one last, equals by state, probability and name. */
function sorted(list) {
  const { value } = columns[view.column];
  const sign = view.falls ? -1 : 1;
  const missing = (number) => (Number.isNaN(number) ? 1 : 0);
  const by = (a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === right) return 0;
    return missing(left) - missing(right) || (left < right ? -sign : left > right ? sign : 0);
  };
  const urgency = (a, b) => a.unit.state - b.unit.state || (b.beyond || 0) - (a.beyond || 0) || a.rank - b.rank;
  return [...list].sort((a, b) => by(a, b) || urgency(a, b));
}

/** Filters, sorts and shows the page. */
function show() {
  const text = view.text.toLocaleLowerCase("en");
  const chosen = rows.filter((row) =>
    row.folded.includes(text) && (!view.states.size || view.states.has(fleet.states[row.unit.state])));
  view.list = sorted(chosen);
  showPage();
}

function showPage() {
  const pages = Math.max(1, Math.ceil(view.list.length / PAGE));
  view.page = Math.min(Math.max(view.page, 0), pages - 1);
  const start = view.page * PAGE;
  const part = view.list.slice(start, start + PAGE);
  byId("rows").replaceChildren(...part.map(rowOf));
  byId("shown").textContent = `${view.list.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} units`;
  byId("range").textContent = part.length ? `${start + 1} to ${start + part.length}` : "none";
  byId("before").disabled = view.page === 0;
  byId("after").disabled = view.page === pages - 1;
  columns.forEach((column, i) => {
    const order = i !== view.column ? "none" : view.falls ? "descending" : "ascending";
    byId("heads").children[i].setAttribute("aria-sort", order);
  });
}

function rowOf(row) {
  const cells = columns.map((column, i) => {
    const attributes = i === 0 ? { scope: "row" } : column.number ? { class: "num" } : {};
    return make(i === 0 ? "th" : "td", attributes, ...column.cell(row));
  });
  const line = make("tr", {}, ...cells);
  line.addEventListener("click", (event) => {
    if (!event.target.closest("a") && !String(getSelection())) location.hash = addressOf(row.unit.name);
  });
  return line;
}

/** A column's head: its button sorts, and turns the order when it sorts already. */
function headOf(column, i) {
  const unit = column.of ? [make("span", { class: "of" }, column.of)] : [];
  const button = make("button", { type: "button" }, make("span", { class: "title" }, column.title), ...unit);
  button.addEventListener("click", () => {
    view.falls = i === view.column ? !view.falls : Boolean(column.falls);
    Object.assign(view, { column: i, page: 0 });
    show();
  });
  return make("th", { scope: "col", "aria-sort": "none", ...(column.number ? { class: "num" } : {}) }, button);
}

/** Arrow keys go from unit to unit. */
function walk(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const link = step && event.target.closest("tr")?.[step]?.querySelector("a");
  if (!link) return;
  event.preventDefault();
  link.focus();
}

function startTable() {
  byId("heads").append(...columns.map(headOf));
  byId("text").addEventListener("input", (event) => {
    Object.assign(view, { text: event.target.value.trim(), page: 0 });
    show();
  });
  for (const button of document.querySelectorAll("[data-state]")) {
    button.disabled = false;
    button.addEventListener("click", () => {
      const { state } = button.dataset;
      if (!view.states.delete(state)) view.states.add(state);
      button.setAttribute("aria-pressed", String(view.states.has(state)));
      view.page = 0;
      show();
    });
  }
  const turn = (pages) => () => {
    view.page += pages;
    showPage();
  };
  byId("before").addEventListener("click", turn(-1));
  byId("after").addEventListener("click", turn(1));
  byId("rows").addEventListener("keydown", walk);
  byId("table").hidden = false;
  show();
}
