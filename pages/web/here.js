// Streamlit marks the current page inside a closed group; this marks the group itself.
export default function ({ data }) {
  const mark = () => {
    for (const group of document.querySelectorAll('[data-testid="stTopNavSection"]')) {
      const here = data.group !== "" && group.textContent.trim() === data.group;
      if (here && group.getAttribute("aria-current") !== "true") group.setAttribute("aria-current", "true");
      if (!here && group.hasAttribute("aria-current")) group.removeAttribute("aria-current");
    }
  };
  mark();
  const header = document.querySelector('[data-testid="stHeader"]') ?? document.body;
  const watch = new MutationObserver(mark);
  watch.observe(header, { childList: true, subtree: true });
  return () => watch.disconnect();
}
