// Original, reconstruction, their comparison, and the timeline that moves all three.
// What a person set (frame, divider, mode) is kept per mounted viewer, so new data never resets it.
const states = new WeakMap();

export default function ({ data, parentElement }) {
  const $ = selector => parentElement.querySelector(selector);
  const say = data.words;
  let state = states.get(parentElement);
  if (!state || state.run !== data.run) {
    if (state) clearInterval(state.timer);
    state = { run: data.run, index: 0, follow: true, timer: 0, split: 50, mode: "slide", played: false };
    states.set(parentElement, state);
  }
  state.data = data;
  state.draw = () => draw();

  const [width, height] = data.size;
  // A sheet that is wider than high needs no square: the rest of it would stand empty above and below.
  parentElement.querySelector(".figures").style.setProperty("--ratio", Math.max(1, width / height));
  const fit = element => {
    // Whole-number enlargement keeps every pixel square and equal; small frames are simply filled.
    const box = element.closest(".frame").clientWidth || 240;
    const free = box / Math.max(width, height);
    const scale = Math.floor(free) / free > 0.87 ? Math.floor(free) : free;
    element.style.width = width * scale + "px";
    element.style.height = height * scale + "px";
  };
  const put = (img, src, alt) => {
    img.hidden = !src;
    if (src && img.getAttribute("src") !== src) img.src = src;
    if (src) img.alt = alt;
  };
  const native = (img, src) => put(img, Math.max(width, height) <= 64 ? src : null, say.native);

  function draw() {
    const data = state.data;
    const { frames, original } = data;
    const last = frames.length - 1;
    if (state.follow || state.index > last) state.index = Math.max(0, last);
    const frame = frames[state.index];
    const truth = Boolean(original && frame);
    put($(".original .big"), original, say.original);
    put($(".reconstruction .big"), frame?.src, say.reconstruction);
    native($(".original .native"), original);
    native($(".reconstruction .native"), frame?.src);
    $(".original .veil").textContent = original ? "" : data.hidden ? say.hidden : frame ? say.unknown : say.waiting;
    $(".reconstruction .veil").textContent = frame ? "" : say.waiting;
    $(".compare .veil").textContent = truth ? "" : data.hidden ? say.hidden : frame ? say.unknown : say.waiting;
    $(".original b").textContent = say.original;
    $(".reconstruction b").textContent = say.reconstruction;
    $(".original small").textContent = data.pixels;
    $(".reconstruction small").textContent = frame?.note || "";
    const sliding = state.mode === "slide";
    $(".pair").hidden = !truth || !sliding;
    $("canvas").hidden = !truth || sliding;
    $(".switch").style.visibility = truth ? "visible" : "hidden";
    $(".slide").setAttribute("aria-pressed", sliding);
    $(".differ").setAttribute("aria-pressed", !sliding);
    $(".compare small").textContent = truth && !sliding ? say.dark : "";
    if (truth) {
      put($(".under"), frame.src, "");
      put($(".over"), original, "");
      if (!sliding) drawDifference($("canvas"), original, frame.src);
    }
    const range = $(".timeline input");
    range.max = Math.max(0, last);
    range.value = state.index;
    range.disabled = last < 1;
    const text = frame ? `${say.iteration} ${frame.i}` : "";
    range.setAttribute("aria-valuetext", text);
    $("output").textContent = frame && data.live && state.follow ? `${text} · ${say.live}` : text;
    $(".play").textContent = state.timer ? say.pause : data.live && !state.follow ? say.follow : say.play;
    $(".play").disabled = last < 1;
    strip(frames);
    sizes();
  }

  function strip(frames) {
    const many = Math.min(10, frames.length);
    const box = $(".strip");
    while (box.children.length > many) box.lastChild.remove();
    while (box.children.length < many) box.append(document.createElement("img"));
    [...box.children].forEach((img, k) => {
      const at = many > 1 ? Math.round((k * (frames.length - 1)) / (many - 1)) : 0;
      put(img, frames[at].src, "");
      img.onclick = () => jump(at);
    });
  }

  function split(value) {
    state.split = Number(value);
    $(".over").style.clipPath = `inset(0 ${100 - state.split}% 0 0)`;
    $(".line").style.left = state.split + "%";
    $(".pair input").value = state.split;
    $(".pair input").setAttribute("aria-valuetext", `${state.split}% ${say.original}`);
  }
  function sizes() {
    for (const element of parentElement.querySelectorAll(".frame > img, .frame > canvas, .pair")) fit(element);
  }
  function jump(index) {
    stop();
    state.index = Number(index);
    state.follow = state.data.live && state.index === state.data.frames.length - 1;
    draw();
  }
  function stop() {
    clearInterval(state.timer);
    state.timer = 0;
  }
  function play() {
    const { frames } = state.data;
    state.follow = false;
    state.index = 0;
    const pace = Math.max(60, Math.min(220, 5000 / frames.length));
    state.timer = setInterval(() => {
      if (state.index >= state.data.frames.length - 1) stop();
      else state.index += 1;
      state.draw();
    }, pace);
    draw();
  }

  $(".switch").setAttribute("aria-label", say.compare);
  $(".slide").textContent = say.slider;
  $(".differ").textContent = say.difference;
  $("canvas").setAttribute("aria-label", say.difference);
  $(".pair input").setAttribute("aria-label", say.divider);
  $(".timeline input").setAttribute("aria-label", say.timeline);
  $(".tag.left").textContent = say.original;
  $(".tag.right").textContent = say.reconstruction;
  $(".slide").onclick = () => { state.mode = "slide"; draw(); };
  $(".differ").onclick = () => { state.mode = "differ"; draw(); };
  $(".pair input").oninput = event => split(event.target.value);
  $(".timeline input").oninput = event => jump(event.target.value);
  $(".play").onclick = () => {
    if (state.timer) { stop(); draw(); }
    else if (state.data.live && !state.follow) { state.follow = true; draw(); }
    else play();
  };

  split(state.split);
  draw();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (data.autoplay && !state.played && !calm && data.frames.length > 1) play();
  state.played = true;
  const watcher = new ResizeObserver(sizes);
  watcher.observe($(".figures"));
  state.watcher?.disconnect();
  state.watcher = watcher;
  return () => { stop(); watcher.disconnect(); states.delete(parentElement); };
}
