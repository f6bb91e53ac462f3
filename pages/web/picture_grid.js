// A grid of pictures to choose from: a radio group, or check boxes when several may be chosen.
export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".grid");
  const role = data.several ? "checkbox" : "radio";
  grid.setAttribute("role", data.several ? "group" : "radiogroup");
  grid.setAttribute("aria-label", data.label);
  grid.style.setProperty("--cell", data.cell + "px");

  while (grid.children.length > data.items.length) grid.lastChild.remove();
  data.items.forEach((item, index) => {
    let button = grid.children[index];
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      const img = document.createElement("img");
      img.alt = "";
      button.append(img);
      for (const name of ["title", "note"]) {
        const span = document.createElement("span");
        span.className = name;
        button.append(span);
      }
      grid.append(button);
    }
    const [img, title, note] = button.children;
    if (img.src !== item.src) img.src = item.src;
    title.textContent = item.title || "";
    title.hidden = !data.titles;
    note.textContent = item.note || "";
    note.hidden = !item.note;
    button.title = item.hint || item.title || "";
    button.dataset.id = item.id;
    button.className = data.crisp ? "crisp" : "";
    button.setAttribute("role", role);
    button.setAttribute("aria-label", [item.title, item.note].filter(Boolean).join(", "));
    button.setAttribute("aria-disabled", item.disabled ? "true" : "false");
    button.setAttribute("aria-checked", data.selected.includes(item.id) ? "true" : "false");
  });

  const buttons = [...grid.children];
  const chosen = () => buttons.find(b => b.getAttribute("aria-checked") === "true") || buttons[0];
  const rove = active => buttons.forEach(b => (b.tabIndex = data.several || b === active ? 0 : -1));
  if (buttons.length) rove(chosen());

  const pick = button => {
    if (button.getAttribute("aria-disabled") === "true") return;
    const on = button.getAttribute("aria-checked") === "true";
    if (on && !data.several && !data.clearable) return;
    if (!data.several) buttons.forEach(b => b.setAttribute("aria-checked", "false"));
    button.setAttribute("aria-checked", on ? "false" : "true");
    rove(button);
    setTriggerValue("picked", button.dataset.id);
  };
  grid.onclick = event => {
    const button = event.target.closest("button");
    if (button) pick(button);
  };
  grid.onkeydown = event => {
    const at = buttons.indexOf(event.target.closest("button"));
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (at < 0 || !move) return;
    event.preventDefault();
    const next = buttons[(at + move + buttons.length) % buttons.length];
    next.focus();
    if (!data.several) pick(next);
  };
}
