// Draws the figures of a report from the JSON beside each, in the reader's colour scheme, and in the light one on paper.
"use strict";
(() => {
  const CONFIG = {
    responsive: true, displaylogo: false, showSendToCloud: false,
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  }; // no button that leads to another host
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const places = [...document.querySelectorAll(".chart")].map((place) => ({
    place,
    light: JSON.parse(place.querySelector(".light").textContent),
    dark: JSON.parse(place.querySelector(".dark").textContent),
  }));
  const draw = (one, scheme) => {
    const figure = one[scheme];
    const layout = { ...figure.layout, autosize: true, width: undefined };
    return Plotly.react(one.target, figure.data, layout, CONFIG);
  };
  for (const one of places) {
    one.place.querySelector("p").remove();
    one.target = document.createElement("div");
    one.place.append(one.target);
  }
  const all = (paper) => places.forEach((one) => draw(one, dark.matches && !paper ? "dark" : "light"));
  all(matchMedia("print").matches);
  dark.addEventListener("change", () => all(false));
  addEventListener("beforeprint", () => all(true));
  addEventListener("afterprint", () => all(false));
  document.documentElement.dataset.drawn = String(places.length);
})();
