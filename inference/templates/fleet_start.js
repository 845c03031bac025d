// The address says what is shown: "#unit=NAME" a unit, anything else the table.

const unitsByName = new Map(fleet.units.map((unit) => [unit.name, unit]));
let opened = null;

/** The name in the address, or null. */
function nameInAddress() {
  if (!location.hash.startsWith("#unit=")) return null;
  try {
    return decodeURIComponent(location.hash.slice("#unit=".length));
  } catch {
    return location.hash.slice("#unit=".length);
  }
}

function goTo() {
  const name = nameInAddress();
  const unit = name === null ? undefined : unitsByName.get(name);
  const scroll = opened?.scroll ?? scrollY;
  byId("overview").hidden = Boolean(unit);
  byId("unit").hidden = !unit;
  document.title = unit ? `${unit.name}: ${fleet.title}` : fleet.title;
  if (unit) openUnit(unit, scroll);
  else closeUnit(name);
}

function openUnit(unit, scroll) {
  opened = { unit, redraw: showUnit(unit), scroll };
  scrollTo(0, 0);
  byId("unit").querySelector("h1").focus();
}

/** Back to the table where one left it. */
function closeUnit(missing) {
  if (missing !== null) byId("shown").textContent = `There is no unit named ${missing}.`;
  if (!opened) return;
  const link = [...byId("rows").querySelectorAll("a")].find((a) => a.getAttribute("href") === addressOf(opened.unit.name));
  scrollTo(0, opened.scroll);
  link?.focus({ preventScroll: true });
  byId("unit").replaceChildren();
  opened = null;
}

startTable();
goTo();
addEventListener("hashchange", goTo);
addEventListener("resize", () => opened?.redraw());
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened) location.hash = "";
});
