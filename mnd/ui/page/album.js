/* All photos: none yet, their list, and those of the user. */

import { button, chooser, count, h } from "./dom.js";
import { crop } from "./found.js";
import { add, changed, current, looked, photos, pictured, post, say, state, tried, ui } from "./model.js";
import { ask, file } from "./net.js";
import { inShort } from "./result.js";

const GALLERY = "3 to 5 other photos of yourself";

/** Give the focus to the heading of what is looked at, where reading goes on. */
export function focusHeading() {
  setTimeout(() => document.getElementById("heading")?.focus({ preventScroll: true }), 60);
}

/** Nothing is there yet. */
export function empty() {
  return h(
    "section",
    { class: "empty", key: "empty" },
    h("h1", { id: "heading", tabindex: "-1" }, "Change the faces in your photos so that recognisers fail on them"),
    h(
      "div",
      { class: "drop" },
      h(
        "p",
        null,
        h("b", null, "Drop photos here, or "),
        chooser("Choose photos", (files) => add(files), { look: "main", id: "choose" }),
      ),
      h("p", { class: "soft" }, "As little is changed as the eye can notice, and the finished file is checked."),
    ),
    gallery(true),
    against(),
  );
}

/** Whom results are tried on, and whom not. */
export function against() {
  if (!state) return null;
  if (!state.targets.length) return null; // they are not loaded yet
  const names = state.targets.map((one) => (one.told ? `${one.name}, ${one.told}` : one.name));
  return h(
    "p",
    { class: "against soft", key: "against" },
    `Tried against: ${names.join("; ")}. Not tried: any other recogniser.`,
  );
}

/** The photos of the user. */
export function gallery(large) {
  const all = state?.gallery ?? [];
  const good = all.filter((one) => !one.error);
  return h(
    large ? "div" : "details",
    { class: `gallery ${large ? "large" : "more"}`, key: "gallery", "data-drop": "gallery" },
    h(large ? "h2" : "summary", null, all.length ? `Photos of you: ${good.length}` : "Photos of you (optional)"),
    h("p", null, `With ${GALLERY} your own face is found in each photo, and the result is checked against those, too.`),
    h(
      "p",
      { class: "row" },
      chooser("Add photos of yourself", (files) => add(files, true), { look: "small" }),
      all.length > 0 &&
        button("Forget them", () =>
          tried(() => Promise.all(all.map((one) => ask("DELETE", `/gallery/${encodeURIComponent(one.id)}`)))),
        ),
    ),
    all.length > 0 &&
      h(
        "ul",
        { class: "names" },
        all.map((one) =>
          h(
            "li",
            { key: one.id },
            h("span", { class: "name" }, one.name),
            one.error && h("small", { class: "bad" }, ` ${one.error}`),
            button("×", () => tried(() => ask("DELETE", `/gallery/${encodeURIComponent(one.id)}`)), {
              class: "plain",
              "aria-label": `Forget ${one.name}`,
            }),
          ),
        ),
      ),
  );
}

/** The list of photos, and what became of each. */
export function strip() {
  const all = photos();
  const done = all.filter((one) => looked(one)?.[0].has_file);
  return h(
    "nav",
    { class: "strip", key: "strip", "aria-label": "Photos" },
    all.length > 1 &&
      h(
        "ul",
        null,
        all.map((one) => {
          const [words, tone] = inShort(one);
          const here = one === current();
          return h(
            "li",
            { key: one.id },
            h(
              "button",
              {
                type: "button",
                class: `thumb ${here ? "here" : ""}`,
                "aria-current": here ? "true" : null,
                on: { click: () => pick(one) },
              },
              h(
                "span",
                { class: "crop" },
                pictured(one) && crop(one, [0, 0, one.width, one.height], { width: 160, more: 1 }),
              ),
              h("span", { class: "name" }, one.name),
              h("span", { class: `state ${tone}` }, words),
            ),
          );
        }),
      ),
    h(
      "p",
      { class: "row" },
      chooser("Add photos", (files) => add(files), { look: "small" }),
      done.length > 1 && button(`Save all ${done.length}`, () => saveAll(done)),
    ),
  );
}

function pick(photo) {
  ui.current = photo.id;
  changed();
  focusHeading();
}

async function saveAll(which) {
  for (const one of which) {
    const [result, name] = looked(one);
    if (one.path) await post(one, "/save", { level: name, overwrite: false });
    else {
      const link = document.createElement("a");
      link.href = file(one.id, name);
      link.download = result.file;
      link.click();
      await new Promise((later) => setTimeout(later, 400));
    }
  }
  say(`${count(which.length, "photo")} saved.`);
}
