const $ = (id) => document.getElementById(id);
const study = JSON.parse($("study").textContent);
const trials = new Map([...study.trials, ...study.training].map((trial) => [trial.id, trial]));
const STORE = "rating-" + study.id;
const MARGIN = 48; // CSS pixels around a picture: above it stands what it is
const LEAD = 1000; // ms of grey before a reference, so that the eye leaves the scale

// ---- what is remembered: who, how far, which grades ----
const store = {
  read() {
    try { return JSON.parse(localStorage.getItem(STORE)); } catch { return null; }
  },
  write(value) {
    try { localStorage.setItem(STORE, JSON.stringify(value)); return true; } catch { return false; }
  },
  forget() {
    try { localStorage.removeItem(STORE); } catch { /* there was nothing */ }
  },
};

function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  const observer = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { observer, step: 0, answers: [], interruptions: 0, started: Date.now(), saved: false };
}

let state = store.read() || fresh();
const kept = store.write(state);
let plan = planOf(state.observer);

// ---- the plan: practice, then parts of the test, each opened by dummies and ended by a break ----
function planOf(observer) {
  const order = orderOf(study.trials, study.id + observer);
  const steps = study.training.map((trial) => ({ trial: trial.id, kind: "practice" }));
  const size = Math.max(1, study.perSession - study.dummies);
  const parts = Math.ceil(order.length / size);
  const draw = randomOf(seedOf("dummies" + study.id + observer));
  for (let part = 0; part < parts; part++) {
    const from = Math.round((part * order.length) / parts);
    const to = Math.round(((part + 1) * order.length) / parts);
    const own = order.slice(from, to);
    if (part > 0) steps.push({ note: "break", part, parts });
    else if (steps.length) steps.push({ note: "test", part, parts });
    steps.push(...dummies(draw, own[0]).map((trial) => ({ trial, kind: "dummy" })));
    steps.push(...own.map((trial) => ({ trial, kind: "test" })));
  }
  return { order, steps, shows: steps.filter((step) => step.trial).length, parts };
}

// drawn from the back, so that none shows what the next one shows, where there is a choice
function dummies(draw, first) {
  const chosen = [];
  let after = trials.get(first).content;
  while (study.training.length && chosen.length < study.dummies) {
    const others = study.training.filter((trial) => trial.content !== after);
    const from = others.length ? others : study.training;
    const trial = from[Math.floor(draw() * from.length)];
    chosen.unshift(trial.id);
    after = trial.content;
  }
  return chosen;
}

// ---- screens ----
function show(id) {
  for (const screen of document.querySelectorAll(".screen")) screen.hidden = screen.id !== id;
  const heading = $(id).querySelector("h1[tabindex]");
  if (heading) heading.focus();
  window.scrollTo(0, 0);
}

function note(title, text, go, partial = false) {
  $("note-title").textContent = title;
  $("note-text").textContent = text;
  $("note-go").onclick = go;
  $("note-save").hidden = !partial;
  show("note");
  $("note-go").focus();
}

function needed() {
  const ratio = window.devicePixelRatio || 1;
  const most = (side) => Math.max(...[...trials.values()].map((trial) => trial[side]));
  return {
    width: Math.ceil((most("width") * study.zoom) / ratio) + MARGIN,
    height: Math.ceil((most("height") * study.zoom) / ratio) + 2 * MARGIN,
  };
}

const fits = () => window.innerWidth >= needed().width && window.innerHeight >= needed().height;

function askForRoom() {
  const { width, height } = needed();
  note("The window is too small",
    `The pictures need ${width} × ${height} points, this window has ${window.innerWidth} × ` +
    `${window.innerHeight}. Make it larger, use the full screen (F11), or reduce the zoom of the page; the ` +
    "pictures keep their size. It goes on here when you press the button.", run);
}

// ---- one presentation: lead-in, reference, grey, test picture, vote ----
let running = 0; // number of the presentation on the screen; 0: none

function place(image, trial, asset) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [trial.width * study.zoom, trial.height * study.zoom];
  image.src = $(asset).textContent;
  image.style.width = width / ratio + "px";
  image.style.height = height / ratio + "px";
  // whole device pixels, or the browser would smooth
  image.style.left = Math.round((window.innerWidth * ratio - width) / 2) / ratio + "px";
  const top = Math.round((window.innerHeight * ratio - height) / 2) / ratio;
  image.style.top = top + "px";
  $("label").style.top = top - MARGIN + "px";
  return image.decode();
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const painted = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

// shows one thing for its time; null when the presentation `me` was interrupted meanwhile
async function phase(me, label, image, seconds) {
  $("label").textContent = label;
  if (image) image.classList.add("shown");
  await painted();
  const began = performance.now();
  await wait(seconds * 1000);
  if (running !== me) return null;
  if (image) image.classList.remove("shown");
  return (performance.now() - began) / 1000;
}

async function present(step) {
  const me = ++present.count;
  running = me;
  const trial = trials.get(step.trial);
  for (const image of [$("reference"), $("test")]) image.classList.remove("shown");
  $("label").textContent = "";
  show("stage");
  await Promise.all([place($("reference"), trial, trial.reference), place($("test"), trial, trial.test),
    wait(LEAD)]);
  const shown = [];
  for (const [label, image, seconds] of [["Reference", $("reference"), study.seconds],
    ["", null, study.grey], ["Test picture", $("test"), study.seconds]]) {
    const took = running === me ? await phase(me, label, image, seconds) : null;
    if (took === null) return;
    if (image) shown.push(took);
  }
  running = 0;
  ask(step, shown);
}
present.count = 0;

function interrupt(why) {
  if (!running) return;
  running = 0;
  state.interruptions += 1;
  store.write(state);
  if (fits()) note("Interrupted", why + " This pair will be shown again from its beginning.", run);
  else askForRoom();
}

// ---- the vote ----
let vote = null; // the presentation that is being graded

function ask(step, shown) {
  vote = { step, shown, since: performance.now() };
  $("form").reset();
  $("next").disabled = true;
  const number = plan.steps.slice(0, state.step + 1).filter((it) => it.trial).length;
  $("count").textContent = `${number} of ${plan.shows}`;
  $("bar").max = plan.shows;
  $("bar").value = number;
  $("practice").hidden = step.kind !== "practice";
  show("vote");
}

const round = (seconds) => Math.round(seconds * 1000) / 1000;

function graded(grade) {
  const { step, shown, since } = vote;
  vote = null;
  if (step.kind === "test") {
    state.answers.push({
      trial: step.trial,
      grade,
      at: round((Date.now() - state.started) / 1000),
      vote: round((performance.now() - since) / 1000),
      shown: shown.map(round),
    });
  }
  advance();
}

function advance() {
  state.step += 1;
  store.write(state);
  run();
}

function run() {
  const step = plan.steps[state.step];
  if (!step) return finish();
  if (step.note === "test") {
    return note("The practice is over", "From now on your grades count. The practice has shown you the range; " +
      "take your time with each grade. " + partsText(), advance);
  }
  if (step.note === "break") {
    return note("Time for a break", `Part ${step.part} of ${step.parts} is done. Please rest your eyes for a few ` +
      "minutes. You may close this page and come back later in the same browser.", advance, true);
  }
  if (!fits()) return askForRoom();
  return present(step);
}

const partsText = () => (plan.parts > 1 ? `There are ${plan.parts} parts, with breaks between them.` : "");

// ---- the end ----
function exported() {
  return JSON.stringify({
    format: study.format,
    study: study.id,
    observer: state.observer,
    complete: state.answers.length === plan.order.length,
    order: plan.order,
    answers: state.answers,
    interruptions: state.interruptions,
    screen: {
      devicePixelRatio: window.devicePixelRatio,
      width: window.innerWidth,
      height: window.innerHeight,
    },
  }, null, 1) + "\n";
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
  link.download = `answers-${state.observer}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function finish() {
  $("raw").value = exported();
  $("other").disabled = !state.saved;
  show("end");
}

function restart() {
  if (!window.confirm("Remove the answers that this browser holds, and begin for another person?")) return;
  store.forget();
  state = fresh();
  store.write(state);
  plan = planOf(state.observer);
  welcome();
}

function welcome() {
  const minutes = Math.max(1, Math.round((plan.shows * study.presentation) / 60));
  const practice = study.training.length;
  $("length").textContent = `There are ${plan.shows} pairs` +
    (practice ? `, the first ${practice} for practice` : "") + `; this takes about ${minutes} ` +
    `minute${minutes === 1 ? "" : "s"}. ${partsText()}`;
  const back = state.step > 0;
  $("begin").textContent = back ? "Continue where you stopped" : practice ? "Begin with practice" : "Begin";
  $("anew").hidden = !back;
  $("storage").hidden = kept;
  show("start");
}

// ---- what the observer does ----
$("begin").onclick = run;
$("anew").onclick = restart;
$("other").onclick = restart;
$("note-save").onclick = save;
$("full").hidden = !document.fullscreenEnabled;
$("full").onclick = () => document.documentElement.requestFullscreen().catch(() => {});
$("save").onclick = () => {
  save();
  state.saved = true;
  store.write(state);
  $("other").disabled = false;
  $("saved").textContent = `The file is answers-${state.observer}.json, where your browser keeps downloads. ` +
    "Please send it.";
};
$("form").onchange = () => { $("next").disabled = false; };
$("form").onsubmit = (event) => {
  event.preventDefault();
  const grade = new FormData($("form")).get("grade");
  if (vote && grade) graded(Number(grade));
};
document.addEventListener("keydown", (event) => {
  if (!vote || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (/^[1-5]$/.test(event.key)) {
    const radio = document.querySelector(`input[value="${event.key}"]`);
    radio.checked = true;
    radio.focus();
    $("next").disabled = false;
  } else if (event.key === "Enter" && !$("form").contains(event.target)) {
    $("form").requestSubmit();
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) interrupt("The page was not in view.");
});
window.addEventListener("resize", () => interrupt("The size of the window changed."));

if (state.step >= plan.steps.length) finish();
else welcome();
