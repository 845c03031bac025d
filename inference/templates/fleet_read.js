// What the page holds, and how its numbers are written. Texts reach the page as text only, never as markup.

const fleet = JSON.parse(document.getElementById("fleet").textContent);
const SIGNS = { alarm: "▲", watch: "◆", refused: "✕", learning: "○", well: "✓" };
const NONE = "–";
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; texts become text nodes. */
function make(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/** The same for figures. */
function draw(tag, attributes = {}, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const minus = (text) => text.replace("-", "−");
const fixed = (value, decimals) => (Number.isFinite(value) ? minus(value.toFixed(decimals)) : NONE);

/** A number that stands alone: six significant digits, no zeros behind them. */
const plain = (value) => (Number.isFinite(value) ? minus(String(Number(value.toPrecision(6)))) : NONE);

function percent(share) {
  if (!Number.isFinite(share)) return NONE;
  if (share > 0 && share < 0.01) return "< 1 %";
  if (share < 1 && share > 0.99) return "> 99 %";
  return `${Math.round(100 * share)} %`;
}

/** "120" and "80 to never": quantiles of the time to a limit, where null is never; a dash where not known. */
function lifeWords(life) {
  if (!life) return [NONE];
  const [low, middle, high] = life.slice(0, 3).map((q) => (q === null ? "never" : plain(q)));
  return [middle, `${low} to ${high}`];
}

/** A name as text that can be seen and pressed. */
const seen = (name) => (name.trim() ? name : "(blank)");

const addressOf = (name) => `#unit=${encodeURIComponent(name)}`;
const named = (parameter) => (parameter.unit ? `${parameter.name} [${parameter.unit}]` : parameter.name);
const timesOf = (unit) => fleet.times[unit.times];

/** Parameter j of a unit over its windows: arrays low, median and high with NaN where a window gave none. */
function series(unit, j) {
  const size = 10 ** unit.decimals[j];
  const median = unit.median[j].map((m) => (m === null ? NaN : m / size));
  const beside = (offsets, sign) =>
    offsets.map((offset, i) => (offset === null ? NaN : (unit.median[j][i] + sign * offset) / size));
  return { low: beside(unit.below[j], -1), median, high: beside(unit.above[j], 1) };
}

/** The newest window that gave parameter j, or -1. */
function lastFitted(unit, j) {
  let i = unit.median[j].length - 1;
  while (i >= 0 && unit.median[j][i] === null) i -= 1;
  return i;
}

/** The newest median of parameter j and half of its 90 % interval, as numbers. */
function newest(unit, j) {
  const i = lastFitted(unit, j);
  if (i < 0) return { median: NaN, half: NaN };
  const size = 10 ** unit.decimals[j];
  const known = unit.below[j][i] !== null && unit.above[j][i] !== null;
  return { median: unit.median[j][i] / size, half: known ? (unit.below[j][i] + unit.above[j][i]) / (2 * size) : NaN };
}

/** The limit that is most likely crossed, of those whose probability is known; else the first there is. */
function nearestLimit(unit) {
  const known = unit.limits.filter((limit) => limit.beyond !== null);
  return known.sort((a, b) => b.beyond - a.beyond)[0] ?? unit.limits[0];
}
