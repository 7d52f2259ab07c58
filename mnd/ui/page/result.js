/* What became of a photo: how far it is, before and after, the sentence, what can be done. */

import { button, chooser, count, h } from "./dom.js";
import { levels } from "./found.js";
import {
  changed,
  chosen,
  cloak,
  forget,
  level,
  own,
  photos,
  post,
  returned,
  running,
  state,
  tried,
  ui,
} from "./model.js";
import { ask, file, photo as at, picture } from "./net.js";

const WHOLE = 1600;
const WIDEST = 4000;
const AROUND = [800, 520];
const STAGES = {
  loading: "getting ready",
  "looking for faces": "looking for faces",
  search: "searching",
  "checking the saved file": "checking the saved file",
};
const KINDS = { find: "Looking", cloak: "Cloaking", look: "Making a look", check: "Checking what came back" };
const TONES = { shared: "good", "came-back": "good", "as-saved": "fair" };

/** A stage in the words of this page. */
export function stageOf(job) {
  if (job.queued) return "waiting";
  const [, attempt] = /^search, attempt (\d+)$/.exec(job.stage) ?? [];
  if (attempt) return `searching again, attempt ${attempt}`;
  return STAGES[job.stage] ?? (job.stage || "getting ready");
}

/** "about 20 s left". */
export function leftOf(job) {
  if (job.left === null || job.left === undefined) return "";
  const seconds = job.left < 10 ? Math.ceil(job.left) : Math.ceil(job.left / 5) * 5;
  return seconds < 90 ? `about ${Math.max(1, seconds)} s left` : `about ${Math.round(seconds / 60)} min left`;
}

/** How far a job is: a bar, and its words. */
export const bar = (job, label) =>
  h("progress", {
    class: "bar",
    max: "100",
    "aria-label": label,
    value: job.total ? (100 * job.done) / job.total : null,
  });

/** What is going on, at the top of the page, whatever is looked at. */
export function working() {
  const one = running();
  if (!one || (state.engine === "idle" && one.job.queued)) return null;
  const { job } = one;
  const ids = [...ui.batch].filter((id) => photos().some((other) => other.id === id));
  const waiting = photos().filter((other) => other.job?.kind === "cloak").length;
  const place = job.kind === "cloak" && ids.length > 1 ? `Photo ${ids.length - waiting + 1} of ${ids.length}` : "";
  return h(
    "section",
    { class: "work", "aria-label": "Work" },
    h(
      "p",
      null,
      h("b", null, place || KINDS[job.kind]),
      h("span", { class: "name" }, one.name),
      h("span", null, stageOf(job)),
      h("span", { class: "soft" }, leftOf(job)),
    ),
    bar(job, `${one.name}: ${stageOf(job)}`),
    h(
      "div",
      { class: "row" },
      button("Stop", () => post(one, "/stop"), { "aria-label": `Stop the work on ${one.name}` }),
      waiting > 1 &&
        button("Stop all", () =>
          photos()
            .filter((other) => other.job)
            .forEach((other) => post(other, "/stop")),
        ),
    ),
  );
}

/** The panel beside the picture while nothing is there to see yet. */
export function waiting(photo) {
  const job = photo.job ?? {
    level: own(photo).level,
    kind: "cloak",
    stage: "",
    done: 0,
    total: 0,
    left: null,
    queued: 0,
  };
  return [
    h("h2", { id: "heading", tabindex: "-1", key: "heading" }, job.queued ? "Waiting its turn" : "At work"),
    h(
      "p",
      { key: "stage" },
      job.queued
        ? `${count(job.queued, "job")} before this one.`
        : `${stageOf(job)} ${leftOf(job) && `· ${leftOf(job)}`}`,
    ),
    h(
      "p",
      { key: "about" },
      `As “${level(job.level).title}”: ${level(job.level).told}. The finished file is read again and checked before you get it.`,
    ),
    h(
      "p",
      { class: "row", key: "stop" },
      button(job.queued ? "Take it out" : "Stop", () => {
        Object.assign(own(photo), { asked: false, step: "faces" });
        post(photo, "/stop");
      }),
    ),
  ];
}

/** The pictures: each face at its own size with something around it, then the whole photo. */
export function views(photo, result, name) {
  const seen = `${name} ${result.seconds}`;
  const sources = (options) => ({
    before: picture(photo.id, "original", options),
    after: picture(photo.id, name, { ...options, seen }),
    difference: picture(photo.id, "difference", { ...options, level: name, seen }),
  });
  const view = (label, box, width, whole) => {
    const all = sources(whole ? { width } : { box, width });
    const gain = () =>
      fetch(all.difference, { method: "HEAD" }).then(
        (answer) => Number(answer.headers.get("X-Gain")),
        () => 0,
      );
    const size = [box[2] - box[0], box[3] - box[1]];
    const share = Math.min(1, width / size[0]);
    return {
      label,
      whole,
      turn: photo.turn,
      width: Math.round(size[0] * share),
      height: Math.round(size[1] * share),
      gain,
      ...all,
    };
  };
  const face = (box, place) => {
    const part = widened(box, photo);
    const focus = [(box[0] + box[2]) / 2 - part[0], (box[1] + box[3]) / 2 - part[1]];
    return { ...view(`Face ${place + 1}`, part, WIDEST, false), focus };
  };
  return [
    ...result.regions.map(face),
    view("Whole photo", [0, 0, photo.width, photo.height], Math.min(WHOLE, photo.width), true),
  ];
}

function widened([x0, y0, x1, y1], photo) {
  const side = (low, high, whole, least) => {
    const half = Math.max(least, 1.5 * (high - low)) / 2;
    const middle = (low + high) / 2;
    return [Math.max(0, Math.floor(middle - half)), Math.min(whole, Math.ceil(middle + half))];
  };
  const [[left, right], [top, bottom]] = [side(x0, x1, photo.width, AROUND[0]), side(y0, y1, photo.height, AROUND[1])];
  return [left, top, right, bottom];
}

/** The slider, which looks after itself. */
export const viewer = (photo, result, name) =>
  h("div", {
    class: "viewer",
    key: `viewer ${photo.id}`,
    own: true,
    live: (element) => {
      element.viewer ??= new globalThis.MndViewer(element);
      element.viewer.set(views(photo, result, name));
    },
  });

/** The answer, and what to do with it. */
export function answer(photo, result, name) {
  return [
    h(
      "div",
      { class: `verdict ${TONES[result.state] ?? "bad"}`, key: "verdict" },
      h("h2", { id: "heading", tabindex: "-1" }, result.headline),
      h("p", null, result.sentence),
      result.advice && h("p", null, result.advice),
    ),
    result.limits && h("p", { class: "limits", key: "limits" }, result.limits),
    saving(photo, result, name),
    another(photo, result, name),
    result.has_file && cameBack(photo, name),
  ];
}

function saving(photo, result, name) {
  const mine = own(photo);
  const beside = async (overwrite) => {
    try {
      const { saved } = await ask("POST", at(photo.id, "/save"), { level: name, overwrite });
      Object.assign(mine, { replace: false, saved });
    } catch (error) {
      if (error.status !== 409) throw error;
      mine.replace = error.message;
    }
    changed();
  };
  const download = (look) =>
    h(
      "a",
      { class: `button ${look}`, href: file(photo.id, name), download: result.file, key: "download" },
      look ? "Save" : "Download",
    );
  const saved = result.saved ?? null;
  return [
    h(
      "div",
      { class: "actions", key: "actions" },
      result.has_file &&
        (photo.path
          ? [
              button("Save beside the original", () => tried(() => beside(false)), { class: "main", key: "beside" }),
              download(""),
            ]
          : download("main")),
      button("Forget this photo", () => forget(photo), { key: "forget" }),
    ),
    mine.replace &&
      h(
        "div",
        { class: "box", key: "replace", role: "alert" },
        h("p", null, mine.replace),
        h(
          "p",
          { class: "row" },
          button("Replace it", () => tried(() => beside(true))),
          button("Leave it", () => {
            mine.replace = false;
            changed();
          }),
        ),
      ),
    result.has_file &&
      h(
        "p",
        { class: "soft", key: "name", role: "status" },
        saved ? `Saved as ${saved}` : `To be saved as ${result.file}`,
      ),
  ];
}

function another(photo, result, name) {
  const mine = own(photo);
  const wants = mine.level !== name;
  return h(
    "details",
    {
      class: "more",
      key: "another",
      open: mine.another || !result.has_file || wants,
      on: {
        toggle: (event) => {
          mine.another = event.target.open;
        },
      },
    },
    h("summary", null, "Another level, other faces"),
    levels(photo),
    h(
      "p",
      { class: "row" },
      wants && button(`Cloak as “${level(mine.level).title}”`, () => cloak([photo]), { class: "main" }),
      button("Choose other faces", () => {
        mine.step = "faces";
        changed();
      }),
    ),
  );
}

function cameBack(photo, name) {
  return h(
    "section",
    { class: "back", key: "back", "aria-labelledby": "back" },
    h("h3", { id: "back" }, "Sent it through a messenger?"),
    h("p", null, "Drop the file that came back: it is judged in the same way."),
    h(
      "p",
      null,
      chooser("Choose the file", (files) => returned(photo, files, name), { many: true, look: "small" }),
    ),
    photo.job?.kind === "check" && h("p", { class: "soft" }, `${stageOf(photo.job)}…`),
    photo.returned.length > 0 &&
      h(
        "ul",
        { class: "returned" },
        photo.returned.map((one, place) =>
          h(
            "li",
            { class: `verdict ${one.good ? "good" : "bad"}`, key: place },
            h("b", null, one.headline),
            h("p", null, h("span", { class: "name" }, one.name), ": ", one.sentence),
            one.advice && h("p", null, one.advice),
            one.limits && h("p", { class: "limits" }, one.limits),
          ),
        ),
      ),
  );
}

/** The figures. */
export function details(result, name) {
  const measures = Object.entries(result.quality ?? {}).filter(([, value]) => typeof value === "number");
  const figure = (value) => (typeof value === "number" ? value.toPrecision(3) : "–");
  return h(
    "details",
    { class: "more", key: "details" },
    h("summary", null, "Details"),
    result.rows.length > 0 &&
      h(
        "div",
        { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of distances" },
        h(
          "table",
          null,
          h(
            "thead",
            null,
            h(
              "tr",
              null,
              ["Face", "Recogniser", "In words", "Before", "After", "Threshold", "After sharing"].map((head, place) =>
                h("th", { scope: "col", key: place }, head),
              ),
            ),
          ),
          h(
            "tbody",
            null,
            result.rows.map((row, place) =>
              h(
                "tr",
                { key: place },
                h("th", { scope: "row" }, row.face + 1),
                h("td", null, row.target),
                h("td", null, row.told),
                h("td", null, figure(row.before)),
                h("td", null, figure(row.after)),
                h("td", null, figure(row.threshold)),
                h(
                  "td",
                  null,
                  Object.entries(row.channel ?? {}).map(([way, held]) =>
                    h(
                      "span",
                      { key: way, class: `way ${held ? "good" : "bad"}` },
                      `${way}: ${held ? "no match" : "match"}`,
                    ),
                  ),
                ),
              ),
            ),
          ),
        ),
      ),
    h(
      "dl",
      null,
      measures.map(([key, value]) =>
        h("div", { key }, h("dt", null, key.toUpperCase().replaceAll("_", " ")), h("dd", null, figure(value))),
      ),
      h("div", { key: "level" }, h("dt", null, "Level"), h("dd", null, level(name).title)),
      h("div", { key: "seconds" }, h("dt", null, "Seconds"), h("dd", null, figure(result.seconds))),
      result.removed?.length > 0 &&
        h("div", { key: "removed" }, h("dt", null, "Not carried over"), h("dd", null, result.removed.join(", "))),
    ),
  );
}

/** In the list of photos, in two or three words. */
export function inShort(photo) {
  const { job } = photo;
  const results = Object.entries(photo.results);
  if (job && job.kind !== "look")
    return [job.queued ? "waits" : job.total ? `${Math.floor((100 * job.done) / job.total)} %` : "at work", "busy"];
  if (photo.state === "reading") return ["is read", "busy"];
  const result = photo.results[own(photo).level] ?? results[0]?.[1];
  if (result && own(photo).step === "result") return [result.headline.split(":")[0], TONES[result.state] ?? "bad"];
  if (photo.error && !photo.faces.length) return [photo.error.kind === "no-face" ? "no face" : "not done", "bad"];
  return [photo.nobody ? "not you" : count(chosen(photo).length, "face"), photo.nobody ? "bad" : ""];
}
