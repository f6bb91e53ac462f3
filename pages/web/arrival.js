// Scrolls to the run that was just asked for, where the form and the result are one below the other.
export default function ({ data }) {
  if (!data.asked || window.giArrived === data.asked) return;
  window.giArrived = data.asked;
  if (!window.matchMedia("(max-width: 900px)").matches) return;
  const show = () => document.querySelector(".st-key-stage")?.scrollIntoView({ block: "start" });
  requestAnimationFrame(show);
  // the rest of the page is drawn anew at the same time and moves it; a person who scrolls by then is left alone
  const late = [300, 1000, 2500].map(wait => setTimeout(show, wait));
  for (const kind of ["wheel", "touchstart", "keydown"])
    window.addEventListener(kind, () => late.forEach(clearTimeout), { once: true, passive: true });
}
