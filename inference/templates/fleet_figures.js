// Histories as lines: a small one for the table, a large one with axes, limits, alarms and refused windows.

const EDGE = { left: 58, right: 12, top: 16, bottom: 34 };

/** Runs of places whose values are finite. */
function runs(values) {
  const found = [];
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    if (i > 0 && Number.isFinite(values[i - 1])) found.at(-1).push(i);
    else found.push([i]);
  });
  return found;
}

/** The path of a line with gaps; a lone point is a dash. */
const linePath = (x, y) =>
  runs(y).map((run) => "M" + run.map((i) => `${x[i]} ${y[i]}`).join("L") + (run.length < 2 ? "m-1.5 0h3" : "")).join("");

/** The path of a band with gaps between two lines. */
function bandPath(x, low, high) {
  const both = low.map((value, i) => value + high[i]);
  const side = (run, y) => run.map((i) => `${x[i]} ${y[i]}`).join("L");
  return runs(both).map((run) => `M${side(run, high)}L${side([...run].reverse(), low)}Z`).join("");
}

/** Numbers to tenths of a pixel along a stretch of the screen. */
function scale([first, last], [start, end]) {
  const rate = (end - start) / (last - first || 1);
  return (value) => Math.round(10 * (start + (value - first) * rate)) / 10;
}

/** The least and the greatest finite value, apart from each other. */
function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  const room = high > low ? 0 : Math.abs(low) * 0.01 || 1;
  return [low - room, high + room];
}

/** Round numbers inside a range, at most one more than ``most``, and their decimals. */
function ticks([low, high], most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) found.push(k * step);
  return { values: found, decimals };
}

const alarmsOf = (unit, j) => unit.alarms.filter((alarm) => alarm.parameter === fleet.parameters[j].name);

/** A parameter's history in a cell of the table. */
function sparkline(unit, j, width = 96, height = 22) {
  const time = timesOf(unit);
  const { low, median, high } = series(unit, j);
  const across = scale(extent(time), [2, width - 2]);
  const up = scale(extent([...low, ...median, ...high]), [height - 2, 2]);
  const x = time.map(across);
  const marks = alarmsOf(unit, j).map((alarm) => {
    const place = Math.min(width - 2, Math.max(2, across(alarm.time)));
    return draw("path", { class: "mark", d: `M${place - 4} ${height + 1}h8l-4 -7z` });
  });
  return draw("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    draw("path", { class: "band", d: bandPath(x, low.map(up), high.map(up)) }),
    draw("path", { class: "median", d: linePath(x, median.map(up)) }), ...marks);
}

/** What the large figure spans: the bands, and the limits that are not far away from them. */
function spans(unit, time, { low, median, high }, limits) {
  const [least, most] = extent([...low, ...median, ...high]);
  const far = 3 * (most - least);
  const near = limits.filter((limit) => limit.value > least - far && limit.value < most + far);
  const [bottom, top] = extent([least, most, ...near.map((limit) => limit.value)]);
  const room = 0.06 * (top - bottom);
  const below = unit.refusals.length ? 2 * room : room;
  return { x: extent([...time, ...unit.alarms.map((alarm) => alarm.time)]), y: [bottom - below, top + room], near };
}

/** Axes with round numbers. */
function axes(span, across, up, width, height) {
  const parts = [];
  const [down, end] = [height - EDGE.bottom, width - EDGE.right];
  const vertical = ticks(span.y, 6);
  for (const value of vertical.values) {
    parts.push(draw("path", { class: "grid", d: `M${EDGE.left} ${up(value)}H${end}` }),
      draw("text", { x: EDGE.left - 7, y: up(value) + 4, "text-anchor": "end" }, fixed(value, vertical.decimals)));
  }
  const horizontal = ticks(span.x, Math.max(3, width / 110));
  for (const value of horizontal.values) {
    parts.push(draw("path", { class: "axis", d: `M${across(value)} ${down}v4` }),
      draw("text", { x: across(value), y: down + 17, "text-anchor": "middle" }, fixed(value, horizontal.decimals)));
  }
  parts.push(draw("path", { class: "axis", d: `M${EDGE.left} ${down}H${end}` }),
    draw("text", { x: end, y: height - 3, "text-anchor": "end" }, fleet.time));
  return parts;
}

/** Alarms: shaded from when it began, a line and a word where it was raised. */
function alarmMarks(alarms, across, bottom) {
  return alarms.flatMap((alarm) => {
    const [began, raised] = [Math.max(EDGE.left, across(alarm.since)), across(alarm.time)];
    const word = draw("text", { class: "told", x: raised - 5, y: EDGE.top - 4, "text-anchor": "end" }, alarm.kind);
    return [
      draw("rect", { class: "since", x: began, y: EDGE.top, width: Math.max(0, raised - began), height: bottom - EDGE.top }),
      draw("path", { class: "raised", d: `M${raised} ${EDGE.top}V${bottom}` }),
      draw("path", { class: "mark", d: `M${raised - 5} ${EDGE.top - 2}h10l-5 -9z` }), word,
    ];
  });
}

/** A parameter's history with its 90 % band, limits, alarms and refused windows; a line of numbers follows the pointer. */
function history(unit, j, width, height = 210) {
  const time = timesOf(unit);
  const values = series(unit, j);
  const limits = unit.limits.filter((limit) => limit.parameter === j);
  const span = spans(unit, time, values, limits);
  const across = scale(span.x, [EDGE.left + 6, width - EDGE.right - 6]);
  const up = scale(span.y, [height - EDGE.bottom, EDGE.top]);
  const x = time.map(across);
  const bottom = height - EDGE.bottom;
  const refused = unit.refusals.map(([t]) => `M${across(t) - 3} ${bottom - 9}l6 6m0 -6l-6 6`).join("");
  const lines = span.near.flatMap((limit) => [
    draw("path", { class: "limit", d: `M${EDGE.left} ${up(limit.value)}H${width - EDGE.right}` }),
    draw("text", { class: "told", x: EDGE.left + 6, y: up(limit.value) - 4 }, `limit ${plain(limit.value)}`),
  ]);
  const cursor = draw("path", { class: "cursor" });
  const label = `${fleet.parameters[j].name} of ${unit.name} over ${fleet.time}; the table of windows has the numbers`;
  const svg = draw("svg", { role: "img", "aria-label": label, width, height, viewBox: `0 0 ${width} ${height}` },
    ...axes(span, across, up, width, height), ...alarmMarks(alarmsOf(unit, j), across, bottom),
    draw("path", { class: "band", d: bandPath(x, values.low.map(up), values.high.map(up)) }),
    draw("path", { class: "median", d: linePath(x, values.median.map(up)) }), ...lines,
    draw("path", { class: "gap", d: refused }), cursor);
  const rest = restText(unit, j, limits, span.near);
  const caption = make("figcaption", {}, rest);
  svg.addEventListener("pointermove", (event) => {
    const i = nearest(x, event.clientX - svg.getBoundingClientRect().left);
    if (i < 0) return;
    cursor.setAttribute("d", `M${x[i]} ${EDGE.top}V${bottom}`);
    caption.textContent = `${fleet.time} ${plain(time[i])}: ${windowText(unit, j, i)}`;
  });
  svg.addEventListener("pointerleave", () => {
    cursor.removeAttribute("d");
    caption.textContent = rest;
  });
  return make("figure", {}, make("h3", {}, named(fleet.parameters[j])), svg, caption);
}

/** What stands below a history: the newest numbers, and limits outside of the figure. */
function restText(unit, j, limits, near) {
  const i = lastFitted(unit, j);
  const outside = limits.filter((limit) => !near.includes(limit)).map((limit) => `; limit ${plain(limit.value)} is outside`);
  return i < 0 ? "no window was fitted" : `newest: ${windowText(unit, j, i)}${outside.join("")}`;
}

/** "1.90 [1.88, 1.93]" of window i. */
function windowText(unit, j, i) {
  const { low, median, high } = series(unit, j);
  const show = (value) => fixed(value, unit.decimals[j]);
  return Number.isFinite(median[i]) ? `${show(median[i])} [${show(low[i])}, ${show(high[i])}]` : NONE;
}

/** The place nearest to a point on the screen, or -1. */
function nearest(x, point) {
  let best = -1;
  x.forEach((value, i) => {
    if (best < 0 || Math.abs(value - point) < Math.abs(x[best] - point)) best = i;
  });
  return best;
}
