// A page whose connection is lost for good answers to nothing any more, and its address tells all that it shows: load it anew,
// as a person would, but not again and again.
const KEY = "gi.loaded_anew", PAUSE = 30_000;

export default function () {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app) return;
  const look = () => {
    if (app.dataset.testConnectionState !== "DISCONNECTED_FOREVER") return;
    if (Date.now() - Number(sessionStorage.getItem(KEY) ?? 0) < PAUSE) return;
    sessionStorage.setItem(KEY, String(Date.now()));
    location.reload();
  };
  look();
  const watch = new MutationObserver(look);
  watch.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  return () => watch.disconnect();
}
