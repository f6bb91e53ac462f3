// A page that answers to nothing any more is loaded anew, as a person would, but not again and again: its address tells all that
// it shows. Either its connection is lost for good, or the application is gone from it.
const KEY = "gi.loaded_anew", PAUSE = 30_000, LOOK = 5_000;

function anew() {
  if (Date.now() - Number(sessionStorage.getItem(KEY) ?? 0) < PAUSE) return;
  sessionStorage.setItem(KEY, String(Date.now()));
  location.reload();
}

export default function () {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app) return;
  // of the window, not of this component, which goes with the application
  window.giThere ??= setInterval(() => document.querySelector('[data-testid="stApp"]') || anew(), LOOK);
  const look = () => app.dataset.testConnectionState === "DISCONNECTED_FOREVER" && anew();
  look();
  const watch = new MutationObserver(look);
  watch.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  return () => watch.disconnect();
}
