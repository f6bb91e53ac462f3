// Pictures ranked by what would leak of them: a radio group of lines.
const make = (tag, name, parent) => {
  const element = document.createElement(tag);
  element.className = name;
  parent.append(element);
  return element;
};

const build = parent => {
  const row = make("button", "row", parent);
  row.type = "button";
  row.setAttribute("role", "radio");
  make("img", "original", row).alt = "";
  make("img", "seen", row).alt = "";
  const text = make("span", "text", row);
  make("b", "name", text);
  make("small", "note", text);
  make("span", "word", text);
  const bar = make("span", "bar", row);
  for (const name of ["fill", "whisker", "prior", "grey"]) make("i", name, bar);
  make("span", "value", row);
};

const percent = share => (100 * share).toFixed(2) + "%";

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".rows");
  list.setAttribute("role", "radiogroup");
  list.setAttribute("aria-label", data.label);
  list.style.setProperty("--cell", data.cell + "px");
  while (list.children.length > data.rows.length) list.lastChild.remove();
  while (list.children.length < data.rows.length) build(list);
  data.rows.forEach((row, index) => {
    const line = list.children[index];
    const find = name => line.querySelector("." + name);
    line.dataset.id = row.id;
    line.className = "row " + row.level;
    for (const [name, src] of [["original", row.src], ["seen", row.seen]]) if (find(name).src !== src) find(name).src = src;
    find("seen").hidden = row.error;
    find("name").textContent = row.name;
    find("note").textContent = row.note;
    find("word").textContent = (row.sign + " " + row.word).trim();
    find("value").textContent = row.value || "";
    find("bar").hidden = row.error;
    if (!row.error) {
      find("fill").style.width = percent(row.bar);
      find("prior").style.left = percent(row.prior);
      find("grey").style.left = percent(row.grey);
      find("whisker").hidden = row.low === null;
      if (row.low !== null) {
        find("whisker").style.left = percent(row.low);
        find("whisker").style.width = percent(row.high - row.low);
      }
    }
    line.title = row.hint || "";
    line.setAttribute("aria-label", [row.name, row.note, row.word, row.hint].filter(Boolean).join(", "));
    line.setAttribute("aria-checked", row.id === data.chosen ? "true" : "false");
    line.tabIndex = row.id === data.chosen ? 0 : -1;
  });
  const rows = [...list.children];
  if (rows.length && !rows.some(row => row.tabIndex === 0)) rows[0].tabIndex = 0;

  const pick = row => {
    rows.forEach(other => other.setAttribute("aria-checked", other === row ? "true" : "false"));
    setTriggerValue("picked", row.dataset.id);
  };
  list.onclick = event => {
    const row = event.target.closest(".row");
    if (row && row.getAttribute("aria-checked") !== "true") pick(row);
  };
  list.onkeydown = event => {
    const at = rows.indexOf(event.target.closest(".row"));
    const move = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (at < 0 || !move) return;
    event.preventDefault();
    const next = rows[(at + move + rows.length) % rows.length];
    next.focus();
    pick(next);
  };
}
