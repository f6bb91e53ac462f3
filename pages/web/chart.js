// A chart that is updated in place: what a person did to it (zoom, hidden lines, where the mouse is) outlives new data.
// plotly's script is loaded once for all charts, from this server; a chart is its document and the colours of its ground.
const charts = new Map();

function load(address) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  window.giPlotly ??= new Promise((done, failed) => {
    const own = document.querySelector('script[type="module"][src*="static/js/"]');
    const tag = document.createElement("script");
    tag.src = new URL(address, own ? new URL("../../", own.src) : document.baseURI);
    tag.onload = () => done(window.Plotly);
    tag.onerror = () => {
      window.giPlotly = undefined;
      failed(new Error("plotly's script did not come"));
    };
    document.head.append(tag);
  });
  return window.giPlotly;
}

// The colours of the page's ground, as its style says them: the system's, or what was chosen in the menu.
function ground() {
  return getComputedStyle(document.querySelector(".stApp") || document.body).backgroundColor;
}

function dark() {
  const parts = ground().match(/[\d.]+/g) || [255, 255, 255];
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] < 128;
}

function recoloured(part, swap) {
  if (typeof part === "string") return swap[part] ?? part;
  if (Array.isArray(part)) return part.map(one => recoloured(one, swap));
  if (part === null || typeof part !== "object") return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, recoloured(value, swap)]));
}

function shown(state) {
  const { document: given, swap } = state.data;
  const { data, layout } = dark() ? recoloured(given, swap) : structuredClone(given);
  layout.font.family = layout.hoverlabel.font.family = getComputedStyle(state.plot).fontFamily;
  layout.height += state.more;
  layout.width = state.plot.clientWidth;
  names(layout);
  layout.paper_bgcolor = layout.plot_bgcolor = ground();
  layout.uirevision ??= "kept";
  // a finger scrolls the page, a mouse draws a frame to look into
  if (matchMedia("(hover: none)").matches) layout.dragmode = false;
  return { data, layout };
}

// Names below an axis stand upright where there is little room, and every second or third where there is less.
function names(layout) {
  const { xaxis } = layout, count = xaxis?.ticktext?.length;
  if (!count) return;
  const room = (layout.width - 70) / count, every = Math.ceil(13 / room);
  if (room < 26 && xaxis.tickangle) xaxis.tickangle = -90;
  for (const list of ["ticktext", "tickvals"]) xaxis[list] = xaxis[list].filter((_, place) => place % every === 0);
}

const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset", showTips: false };

// A chart that takes long to draw, as on a busy machine, is drawn less often: it takes a fortieth of a processor.
const SHARE = 40;

function later(state, wait) {
  clearTimeout(state.later);
  state.later = setTimeout(() => draw(state), wait);
}

function now(state) {
  state.took = 0;
  return draw(state);
}

async function draw(state) {
  const Plotly = await load(state.data.script);
  if (!state.plot.isConnected) return;
  // new data of a chart that nobody sees waits until somebody does: below the fold it costs nothing
  state.waits = state.ended > 0 && (!state.seen || document.hidden);
  if (state.waits) return;
  const early = SHARE * state.took - (performance.now() - state.ended);
  if (early > 0) return later(state, early);
  if (state.plot._dragging) return later(state, 200);
  const { data, layout } = shown(state), began = performance.now();
  state.width = state.plot.clientWidth;
  await Plotly.react(state.plot, data, layout, CONFIG);
  [state.ended, state.took] = [performance.now(), performance.now() - began];
  listen(state);
  // a legend that takes several rows makes the chart higher, not its curves flatter
  const legend = state.plot._fullLayout?.legend;
  const more = legend?._height && state.plot._fullLayout.showlegend ? Math.max(0, Math.round(legend._height) - 30) : 0;
  if (Math.abs(more - state.more) > 4) {
    state.more = more;
    return now(state);
  }
  hover(Plotly, state);
}

// Drawing anew takes the hover label away: put it back where the mouse still is.
function hover(Plotly, state) {
  const at = state.mouse;
  if (at?.target?.isConnected) Plotly.Fx.hover(state.plot, { clientX: at.clientX, clientY: at.clientY, target: at.target }, at.subplot);
}

function listen(state) {
  if (state.listening) return;
  state.listening = true;
  state.plot.on("plotly_hover", seen => {
    if (seen.event?.target) state.mouse = { clientX: seen.event.clientX, clientY: seen.event.clientY, target: seen.event.target, subplot: seen.points?.[0]?.xaxis ? seen.points[0].xaxis._id + seen.points[0].yaxis._id : "xy" };
  });
  state.plot.addEventListener("mouseleave", () => (state.mouse = null));
  state.plot.on("plotly_click", seen => {
    const chosen = seen.points?.map(point => point.customdata?.[0]).find(one => one !== undefined);
    if (state.data.clickable && chosen !== undefined) state.trigger("clicked", chosen);
  });
}

// As a file it is for paper: on white, at the width that its words were broken for, in letters that every machine has, with what
// a person hid hidden and looked into as far.
async function save(state, format) {
  const Plotly = await load(state.data.script);
  const { data, layout } = structuredClone(state.data.document), { head, more, width, name } = state.data;
  const height = layout.height + more;
  layout.font.family = "Arial, Helvetica, sans-serif";
  for (const trace of data) trace.visible = state.plot.data.find(one => one.uid === trace.uid)?.visible ?? true;
  for (const [axis, seen] of Object.entries(state.plot._fullLayout))
    if (/^[xy]axis/.test(axis) && layout[axis] && seen.autorange === false) layout[axis].range = [...seen.range];
  const whole = { ...layout, ...head, margin: { ...layout.margin, ...head.margin }, width, height };
  await Plotly.downloadImage({ data, layout: whole }, { format, width, height, scale: format === "png" ? 2 : 1, filename: name });
}

function forget(parent, state) {
  window.Plotly?.purge(state.plot);
  charts.delete(parent);
}

function made(parent) {
  const box = parent.querySelector(".gi-chart");
  const state = { box, plot: box.querySelector(".gi-plot"), more: 0, said: "", took: 0, ended: 0 };
  new ResizeObserver(() => {
    if (state.said && state.plot.clientWidth && Math.abs(state.plot.clientWidth - state.width) > 1) now(state);
  }).observe(state.plot);
  new IntersectionObserver(
    entries => {
      state.seen = entries[entries.length - 1].isIntersecting;
      if (state.seen && state.waits) now(state);
    },
    { rootMargin: "200px" },
  ).observe(state.plot);
  // plotly takes hold of every touch, so that no finger could scroll past a chart; a tap still comes as a mouse's
  state.plot.addEventListener("touchstart", touch => touch.stopPropagation(), { capture: true, passive: true });
  for (const format of ["svg", "png"])
    box.querySelector("." + format).addEventListener("click", () => save(state, format));
  for (const [old, one] of charts) if (!old.isConnected) forget(old, one);
  charts.set(parent, state);
  return state;
}

// A page that turns dark or light in front of a person takes its charts along.
if (!window.giChartsWatched) {
  window.giChartsWatched = new MutationObserver(() => window.dispatchEvent(new Event("gi-ground")));
  const page = document.querySelector(".stApp");
  if (page) window.giChartsWatched.observe(page, { attributes: true, attributeFilter: ["class", "style"] });
}
document.addEventListener("visibilitychange", () => {
  for (const state of charts.values()) if (state.waits && !document.hidden) draw(state);
});
let shade = dark();
window.addEventListener("gi-ground", () => {
  if (dark() === shade) return;
  shade = dark();
  for (const [parent, state] of charts) parent.isConnected ? now(state) : forget(parent, state);
});

export default function ({ data, parentElement, setTriggerValue }) {
  const state = charts.get(parentElement) || made(parentElement);
  state.trigger = setTriggerValue;
  const said = JSON.stringify(data);
  if (said === state.said) return;
  state.said = said;
  state.data = data;
  state.plot.setAttribute("aria-label", data.alt);
  state.plot.style.minHeight = data.document.layout.height + "px";
  draw(state).then(
    () => state.box.classList.remove("failed"),
    error => {
      console.error(error);
      state.box.classList.add("failed");
    },
  );
}
