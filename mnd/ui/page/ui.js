/* The page of `mnd ui`: one state from the server, one page that follows from it. */

import { against, empty, focusHeading, gallery, strip } from "./album.js";
import { button, count, h, show } from "./dom.js";
import { dropped, stage } from "./faces.js";
import { faceless, found } from "./found.js";
import {
  add,
  became,
  changed,
  current,
  forget,
  level,
  looked,
  onChange,
  own,
  photos,
  pictured,
  returned,
  running,
} from "./model.js";
import { say, state, tried, ui } from "./model.js";
import { ask, follow } from "./net.js";
import { answer, details, leftOf, stageOf, viewer, waiting, working } from "./result.js";

history.replaceState(null, "", "/"); // the token of the first address must not stay where others can read it

let ended = false;

function one(photo) {
  const seen = looked(photo);
  const mine = own(photo);
  const made = photo.job ? photo.job.kind === "cloak" && photo.job.level : mine.asked && mine.level;
  const busy = mine.step === "result" && made && !photo.results[made];
  if (mine.step === "result" && !busy && !seen && !photo.job) mine.step = "faces";
  const panel = busy
    ? waiting(photo)
    : seen
      ? answer(photo, ...seen)
      : photo.error && !pictured(photo)
        ? broken(photo)
        : [wrong(photo), ...found(photo)];
  return h(
    "article",
    { class: "photo", key: photo.id, "aria-label": photo.name },
    h(
      "header",
      { class: "title", key: "title" },
      h("h1", null, photo.name),
      h("p", { class: "soft" }, pictured(photo) && `${photo.width} × ${photo.height} ${photo.format}`),
      !seen && button("Forget this photo", () => forget(photo), { class: "plain" }),
    ),
    pictured(photo) &&
      h(
        "div",
        { class: "seen", key: "seen" },
        seen && seen[0].has_file && !busy ? viewer(photo, ...seen) : stage(photo),
      ),
    h("div", { class: "panel", key: "panel" }, panel),
    seen && !busy && details(...seen),
  );
}

function wrong(photo) {
  const { error } = photo;
  if (!error || faceless(photo)) return null;
  return h(
    "div",
    { class: "verdict bad", key: "error" },
    h("p", null, error.message),
    error.advice && h("p", null, error.advice),
  );
}

const broken = (photo) => [
  h(
    "div",
    { class: "verdict bad", key: "error" },
    h("h2", { id: "heading", tabindex: "-1" }, "This one cannot be done"),
    h("p", null, photo.error.message),
    photo.error.advice && h("p", null, photo.error.advice),
  ),
];

function overlay() {
  if (!ui.over) return null;
  const photo = current();
  const back = photo && looked(photo)?.[0].has_file;
  return h(
    "div",
    { class: "over" },
    h("p", { "data-drop": "photos" }, h("b", null, "New photos"), "drop here to cloak them"),
    back &&
      h("p", { "data-drop": "back" }, h("b", null, "It came back"), `drop here to check it against ${photo.name}`),
    !photo &&
      h(
        "p",
        { "data-drop": "gallery" },
        h("b", null, "Photos of yourself"),
        "drop here: your face is then found by itself",
      ),
  );
}

function ends() {
  if (ended || ui.gone) return null;
  return [
    photos().length + (state?.gallery.length ?? 0) > 0 && button("Forget everything", forgetAll),
    button("Quit", quit, { title: "Forget everything and end mnd" }),
  ];
}

const forgetAll = () =>
  tried(async () => {
    await ask("DELETE", "/photos");
    ui.mine.clear();
    ui.current = null;
    say("Everything is forgotten.");
    focusHeading();
  });

const quit = () =>
  tried(async () => {
    ended = true;
    events.close();
    await ask("POST", "/quit", {});
  });

function gone() {
  if (ended)
    return h(
      "div",
      { class: "box" },
      h("h1", null, "mnd has ended"),
      h("p", null, "Everything is forgotten. You can close this tab."),
    );
  if (!ui.gone) return null;
  return h(
    "div",
    { class: "box bad" },
    h("h1", null, "mnd has stopped"),
    h(
      "p",
      null,
      "It no longer answers, and what was not saved is gone: it was in its memory alone. Your own files are as they were.",
    ),
    h("p", null, "Start ", h("code", null, "mnd ui"), " again and open the new address that it prints."),
    button("Try once more", () => location.reload()),
  );
}

function draw() {
  show(document.getElementById("ends"), ends());
  show(document.getElementById("gone"), gone());
  show(
    document.getElementById("trouble"),
    ui.trouble &&
      h(
        "div",
        { class: "box bad" },
        h("p", null, ui.trouble),
        button(
          "Close",
          () => {
            ui.trouble = "";
            changed();
          },
          { class: "plain" },
        ),
      ),
  );
  show(
    document.getElementById("fault"),
    state?.error && h("div", { class: "box bad" }, h("h2", null, "Nothing can be done"), h("p", null, state.error)),
  );
  show(document.getElementById("over"), overlay());
  const off = ended || ui.gone;
  show(document.getElementById("work"), !off && state && working());
  const photo = current();
  show(
    document.getElementById("main"),
    !off && ui.sending > 0 && h("p", { class: "soft", key: "sending" }, `Taking in ${count(ui.sending, "photo")}…`),
    !off && (photo ? [strip(), one(photo), h("footer", { key: "foot" }, gallery(false), against())] : empty()),
  );
  document.title = title(photo);
}

function title(photo) {
  const work = state && running();
  if (ended || ui.gone) return "mnd has stopped";
  return work ? `${stageOf(work.job)} · ${work.name}` : photo ? `${photo.name} · mnd` : "mnd";
}

/* at most one drawing a frame, and what changed for the ears */
let asked = false;
let told = {};
onChange(() => {
  if (asked) return;
  asked = true;
  const now = () => {
    asked = false;
    draw();
    listen();
  };
  if (document.hidden) setTimeout(now, 100);
  else requestAnimationFrame(now);
});

/** Say what is new: a stage, a quarter of the way, an answer. The focus follows where nobody is elsewhere. */
function listen() {
  const work = state && running();
  const part = work?.job.total ? Math.floor((4 * work.job.done) / work.job.total) : 0;
  const words = work ? `${work.name}: ${stageOf(work.job)}${part ? `, ${25 * part} %` : ""}` : "";
  const photo = current();
  const seen = photo && looked(photo);
  const answered = seen ? `${photo.id} ${seen[1]} ${seen[0].seconds}` : "";
  if (answered && answered !== told.answered) {
    say(`${photo.name}, ${level(seen[1]).title}: ${seen[0].headline}. ${seen[0].sentence}`);
    if ([document.body, null].includes(document.activeElement) || document.activeElement.closest(".panel, #work"))
      focusHeading();
  } else if (photo && photo.state !== "reading" && told.photo !== photo.id) {
    say(`${photo.name}: ${photo.error?.message ?? count(photo.faces.length, "face")}.`);
  } else if (words && words !== told.words) say(`${words}. ${leftOf(work.job)}`);
  else if (photo && photo.returned.length > (told.returned ?? 0) && told.photo === photo.id) {
    const last = photo.returned.at(-1);
    say(`${last.name}: ${last.headline}. ${last.sentence}`);
  }
  const ready = photo && photo.state !== "reading";
  const here = photo?.id ?? "";
  if (told.here !== undefined && here !== told.here && [document.body, null].includes(document.activeElement))
    focusHeading();
  told = { answered, words, here, photo: ready ? photo.id : null, returned: photo?.returned.length };
}

addEventListener("keydown", (event) => {
  const photo = current();
  if (event.key === "Escape" && photo && own(photo).drawing) dropped(photo);
});

/* files are dropped anywhere */
let leaving = 0;
const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragover", (event) => {
  if (!files(event)) return;
  event.preventDefault();
  clearTimeout(leaving);
  leaving = setTimeout(over, 300, false);
  over(true);
  document
    .querySelectorAll(".over [data-drop]")
    .forEach((place) => place.classList.toggle("here", place.contains(event.target)));
});
addEventListener("drop", (event) => {
  if (!files(event)) return;
  event.preventDefault();
  const where = event.target.closest?.("[data-drop]")?.dataset.drop;
  over(false);
  const taken = [...event.dataTransfer.files];
  const photo = current();
  if (where === "back" && photo) returned(photo, taken, looked(photo)?.[1] ?? own(photo).level);
  else add(taken, where === "gallery");
});

function over(is) {
  if (ui.over === is) return;
  ui.over = is;
  changed();
}

const events = follow(became, (is) => {
  if (ended || ui.gone === is) return;
  ui.gone = is;
  changed();
});
addEventListener("pagehide", () => events.close());
addEventListener("pageshow", (event) => event.persisted && location.reload());
changed();
