/* What this page knows beyond the server's state: what is looked at, and what was asked for. Gone with the tab. */

import { ask, photo as at, put, Refused } from "./net.js";

/** @type {{engine: string, photos: any[], gallery: any[], levels: any[], targets: any[], limits: any} | null} */
export let state = null;

export const ui = {
  current: null, // the photo that is looked at
  mine: new Map(), // of each photo what is only looked at: see `own`
  sending: 0,
  trouble: "",
  gone: false,
  over: false, // files are dragged over the page
  batch: new Set(),
};

let redraw = () => {};
/** Who is called when something has changed. */
export const onChange = (draw) => {
  redraw = draw;
};
export const changed = () => redraw();

/** What is looked at of a photo: `step` faces or result; `level`; `drawing`: a frame is being drawn; `asked`:
 *  the server was just asked to cloak it. */
export function own(photo) {
  if (!ui.mine.has(photo.id)) {
    const done = Object.keys(photo.results);
    const level = done.includes(state.level) || !done.length ? state.level : done[0];
    ui.mine.set(photo.id, {
      step: done.length ? "result" : "faces",
      level,
      drawing: null,
      asked: false,
      replace: false,
      saved: null,
    });
  }
  return ui.mine.get(photo.id);
}

/** Which of the results is looked at: that of the level that is picked, else the last one that was. */
export function looked(photo) {
  const mine = own(photo);
  if (mine.step !== "result") return null;
  if (photo.results[mine.level]) mine.seen = mine.level;
  const name = photo.results[mine.seen] ? mine.seen : Object.keys(photo.results)[0];
  return name ? [photo.results[name], name] : null;
}

export const photos = () => state?.photos ?? [];
export const current = () => photos().find((one) => one.id === ui.current) ?? photos()[0] ?? null;
export const chosen = (photo) => photo.faces.filter((face) => face.chosen);
export const numbers = (faces) => faces.map((face) => face.number);
export const drawnBoxes = (photo) => photo.faces.filter((face) => face.drawn).map((face) => face.box);
export const level = (name) => state.levels.find((one) => one.name === name) ?? { name, title: name, told: "" };
export const pictured = (photo) => photo.width > 0;
export const running = () => photos().find((one) => one.job && !one.job.queued) ?? null;
export const awaited = (photo) =>
  photo.state !== "reading" && !photo.job && own(photo).step === "faces" && chosen(photo).length > 0;

/** Say something to who does not see the page. */
export function say(words) {
  const place = document.getElementById("said");
  if (place.textContent !== words) place.textContent = words;
}

/** Ask for something; what goes wrong is told at the top of the page. */
export async function tried(work) {
  try {
    ui.trouble = "";
    return await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status) ui.trouble = error.message;
    else ui.gone = true;
    return null;
  } finally {
    changed();
  }
}

/** Take in photos, one after the other; the first of them is looked at. */
export async function add(files, gallery = false) {
  const limit = state?.limits?.bytes ?? Infinity;
  ui.sending += files.length;
  ui.trouble = "";
  const wrong = [];
  let first = null;
  for (const file of files) {
    changed();
    try {
      if (file.size > limit)
        throw new Refused(
          413,
          `${file.name} is too large: ${Math.ceil(file.size / 2 ** 20)} MB, at most ${limit / 2 ** 20} MB.`,
        );
      const { id } = await put(gallery ? "/gallery" : "/photos", file);
      first ??= id;
      if (!gallery && first === id) ui.current = id;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!error.status) ui.gone = true;
      else if (!wrong.includes(error.message)) wrong.push(error.message);
    }
    ui.sending -= 1;
  }
  ui.trouble = wrong.join(" ");
  changed();
  return first;
}

/** Judge a file that came back of a level's result. */
export const returned = (photo, files, name) =>
  tried(async () => {
    for (const file of files) await put(at(photo.id, "/returned"), file, { level: name });
  });

export const post = (photo, what, body) => tried(() => ask("POST", at(photo.id, what), body ?? {}));

const SOON = 1500;

/** Cloak these at the level that each shows. */
export function cloak(which) {
  for (const one of which) {
    const mine = own(one);
    Object.assign(mine, { asked: true, step: "result", drawing: null });
    // until the state tells of it
    const told = () => {
      mine.asked = false;
      changed();
    };
    post(one, "/cloak", { level: mine.level }).then((answer) => setTimeout(told, answer ? SOON : 0));
  }
  changed();
}

/** All looks of a face, the chosen one first. */
export async function looks(photo) {
  const first = own(photo).level;
  const names = state.levels.map((one) => one.name).sort((a, b) => (b === first) - (a === first));
  for (const name of names) if (!photo.results[name]) await post(photo, "/cloak", { level: name, look: true });
}

export function forget(photo) {
  const all = photos();
  const place = all.indexOf(photo);
  if (current() === photo) ui.current = (all[place + 1] ?? all[place - 1])?.id ?? null;
  ui.mine.delete(photo.id);
  return tried(() => ask("DELETE", at(photo.id)));
}

/** Which faces are to be changed, by their numbers; who is me is one of them. */
export function choose(photo, which, me = photo.me) {
  const all = me === null || which.includes(me) ? which : me === photo.me ? which : [...which, me];
  return post(photo, "/faces", { chosen: all, me: all.includes(me) ? me : null });
}

/** Other frames are drawn: faces are looked for again. */
export const draw = (photo, boxes) => post(photo, "/faces", { drawn: boxes });

/** Another state has come. */
export function became(next) {
  const before = state;
  state = next;
  // one that was just sent is looked at before the state has it
  const here = (all) => all?.photos.some((one) => one.id === ui.current);
  if (here(before) && !here(next)) ui.current = null;
  const worked = (all, id) => all?.photos.find((one) => one.id === id)?.job?.kind === "cloak";
  for (const one of photos().filter((other) => other.job?.kind === "cloak")) {
    ui.batch.add(one.id);
    // another tab has asked: it is shown here, too, unless a frame is being drawn
    const mine = own(one);
    if (!worked(before, one.id) && mine.step === "faces" && !mine.drawing)
      Object.assign(mine, { step: "result", level: one.job.level });
  }
  if (!photos().some((one) => one.job?.kind === "cloak")) ui.batch.clear();
  for (const id of ui.batch) if (!photos().some((one) => one.id === id)) ui.batch.delete(id);
  for (const id of ui.mine.keys()) if (!photos().some((one) => one.id === id) && before) ui.mine.delete(id);
  changed();
}
