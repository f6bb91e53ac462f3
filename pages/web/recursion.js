// The recursion, played layer by layer. What was shown once stays; "Play again" starts from the loss.
const PACE = 620;

function text(parent, tag, name, value) {
  const node = parent.querySelector("." + name) || parent.appendChild(document.createElement(tag));
  node.className = name;
  node.textContent = value || "";
  node.hidden = !value;
  return node;
}

function fill(item, card) {
  if (!item.firstChild) {
    for (const name of ["head", "what", "view", "route"]) item.appendChild(document.createElement("div")).className = name;
    item.querySelector(".head").append(document.createElement("b"), document.createElement("span"));
    item.querySelector(".head span").className = "sign";
    item.querySelector(".view").append(document.createElement("img"), document.createElement("span"));
    item.appendChild(document.createElement("dl"));
  }
  item.className = ["card", card.tone, card.done ? "done" : "", card.flag ? "flagged" : "",
    card.flag.endsWith("held") ? "held" : ""].join(" ").trim();
  item.querySelector(".head b").textContent = card.name;
  item.querySelector(".head b").title = card.name;
  const sign = item.querySelector(".sign");
  sign.textContent = card.sign;
  sign.title = card.text;
  sign.setAttribute("role", "img");
  sign.setAttribute("aria-label", card.text || "unknown");
  const what = item.querySelector(".what");
  what.textContent = what.title = card.what;
  const img = item.querySelector(".view img"), empty = item.querySelector(".view span");
  img.hidden = !card.src;
  if (card.src && img.src !== card.src) img.src = card.src;
  img.alt = card.src ? "features recovered at " + card.name : "";
  empty.textContent = card.text;
  empty.hidden = Boolean(card.src);
  item.querySelector(".route").textContent = card.route;
  const list = item.querySelector("dl");
  list.replaceChildren(...card.facts.flatMap(([name, value, hint]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name;
    dd.textContent = value;
    dt.title = dd.title = hint;
    return [dt, dd];
  }));
  text(item, "div", "flag", card.flag);
  text(item, "div", "note", card.note);
}

function frame(figure, picture) {
  if (!figure.firstChild) {
    const caption = document.createElement("figcaption");
    caption.append(document.createElement("b"), document.createElement("span"));
    figure.append(document.createElement("img"), caption);
  }
  const img = figure.querySelector("img");
  if (img.src !== picture.src) img.src = picture.src;
  img.alt = picture.title;
  figure.querySelector("b").textContent = picture.title;
  figure.querySelector("span").textContent = picture.note || "";
}

function resize(parent, tag, count) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) parent.append(document.createElement(tag));
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".recursion");
  const cards = root.querySelector(".cards"), pictures = root.querySelector(".pictures");
  const again = root.querySelector(".again");
  const state = (root.state ||= { run: null, shown: 0, timer: 0 });
  root.querySelector(".first").textContent = data.words.first;
  root.querySelector(".last").textContent = data.words.last;
  root.classList.toggle("large", Boolean(data.large));
  cards.setAttribute("aria-label", data.words.label);
  cards.tabIndex = 0;

  resize(cards, "li", data.cards.length);
  data.cards.forEach((card, k) => fill(cards.children[k], card));
  const shown = pictures.querySelector(".shown");
  resize(shown, "figure", data.pictures.length);
  data.pictures.forEach((picture, k) => frame(shown.children[k], picture));
  pictures.querySelector(".says").textContent = data.says;

  const steps = [...cards.children].filter((_, k) => data.cards[k].done);
  const show = () => {
    steps.forEach((item, k) => item.classList.toggle("waiting", k >= state.shown));
    const ended = state.shown >= steps.length;
    pictures.hidden = !data.pictures.length;
    pictures.classList.toggle("waiting", !ended);
    again.hidden = data.live || !steps.length || !ended;
    root.dataset.ended = String(ended && !data.live && steps.length > 0);
  };
  const advance = () => {
    clearTimeout(state.timer);
    if (state.shown >= steps.length) return show();
    const item = steps[state.shown++];
    show();
    item.classList.add("arrive");
    if (cards.scrollWidth > cards.clientWidth) cards.scrollLeft = item.offsetLeft - cards.clientWidth / 2;
    state.timer = setTimeout(advance, PACE);
  };
  if (state.run !== data.run) {
    clearTimeout(state.timer);
    state.run = data.run;
    state.shown = matchMedia("(prefers-reduced-motion: reduce)").matches ? steps.length : 0;
    state.timer = 0;
  }
  again.textContent = data.words.again;
  again.onclick = () => {
    clearTimeout(state.timer);
    state.shown = 0;
    cards.scrollLeft = 0;
    steps.forEach(item => item.classList.remove("arrive"));
    advance();
  };
  if (matchMedia("(prefers-reduced-motion: reduce)").matches && state.shown === 0) state.shown = steps.length;
  show();
  clearTimeout(state.timer);
  if (state.shown < steps.length) state.timer = setTimeout(advance, state.shown ? PACE : 150);
}
