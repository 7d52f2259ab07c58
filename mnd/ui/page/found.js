/* Before anything is changed: which faces, how the photo lies, what its file says, how it shall look. */

import { button, count, h, list } from "./dom.js";
import { begin, drawingTools, isMe, removed, toggled } from "./faces.js";
import {
  awaited,
  changed,
  choose,
  chosen,
  cloak,
  level,
  looks,
  numbers,
  own,
  photos,
  pictured,
  post,
  state,
} from "./model.js";
import { picture } from "./net.js";

/** All that is asked of a photo before it is cloaked. */
export function found(photo) {
  const mine = own(photo);
  if (mine.drawing) return [drawingTools(photo)];
  return [
    h("h2", { id: "heading", tabindex: "-1", key: "heading" }, headline(photo)),
    photo.nobody &&
      h(
        "div",
        { class: "verdict bad", key: "nobody" },
        h("b", null, `${photo.nobody[0].toUpperCase()}${photo.nobody.slice(1)}.`),
        h("p", null, "So faces would be judged against this photo alone. Is one yours all the same? Choose “me” beside it."),
      ),
    h("p", { key: "told" }, instruction(photo)),
    photo.faces.length > 0 && chooseFaces(photo),
    h(
      "p",
      { class: "row", key: "tools" },
      button("Draw a frame", () => begin(photo), { title: "For a face that was not found" }),
      button("Turn", () => post(photo, "/turn", { turn: (photo.turn + 90) % 360 }), {
        "aria-label": "Turn: the photo lies on its side",
        title: "It lies on its side",
      }),
    ),
    metadata(photo),
    photo.faces.length > 0 && levels(photo),
    photo.faces.length > 0 && actions(photo),
  ];
}

/** Nobody was found, which is said where faces are chosen. */
export const faceless = (photo) => !photo.faces.length && /^(no|suspected)-face$/.test(photo.error?.kind);

function headline(photo) {
  if (photo.state === "reading") return photo.job?.stage ? "Looking for faces" : "Reading the photo";
  if (photo.error && !photo.faces.length && !faceless(photo)) return "This did not work";
  return photo.faces.length ? count(photo.faces.length, "face") : "No face found";
}

function instruction(photo) {
  if (photo.state === "reading") return "This takes a moment the first time.";
  const all = photo.faces.length;
  const some = chosen(photo).length;
  if (!all)
    return faceless(photo)
      ? `${photo.error.message} ${photo.error.advice}`
      : "Is there a face? Draw a frame around it. Does the photo lie on its side? Turn it.";
  if (!some) return "None is chosen, so nothing would be changed. Click the one to change.";
  if (some < all) return `${some} of ${all} will be changed. Click a frame to leave it out or take it in.`;
  return all === 1 ? "It will be changed. Click it to leave it out." : "All will be changed. Click one to leave it out.";
}

function chooseFaces(photo) {
  const gallery = state.gallery.some((one) => !one.error);
  return h(
    "fieldset",
    { class: `faces ${!gallery && photo.faces.length > 2 ? "many" : ""}`, key: "faces" },
    h("legend", null, gallery ? "Which faces, and who is me?" : "Which faces"),
    h(
      "ul",
      null,
      photo.faces.map((face) =>
        h(
          "li",
          { key: face.number, class: face.drawn ? "drawn" : "" },
          h(
            "label",
            null,
            h("input", { type: "checkbox", checked: face.chosen, on: { change: () => toggled(photo, face) } }),
            h("span", { class: "crop" }, crop(photo, face.box)),
            h(
              "span",
              null,
              h("b", null, `Face ${face.number + 1}`),
              face.drawn && h("small", null, "drawn by you"),
              face.likeness && h("small", null, face.likeness),
            ),
          ),
          face.drawn &&
            button("remove", () => removed(photo, face), {
              class: "plain",
              "aria-label": `Remove frame ${face.number + 1}`,
            }),
          gallery &&
            h(
              "label",
              { class: "me" },
              h("input", {
                type: "radio",
                name: `me ${photo.id}`,
                checked: isMe(photo, face),
                on: { change: () => choose(photo, numbers(chosen(photo)), face.number) },
              }),
              h("span", null, "me"),
            ),
        ),
      ),
    ),
    gallery &&
      photo.me !== null &&
      button("None of them is me", () => choose(photo, numbers(chosen(photo)), null), { class: "plain" }),
  );
}

const square = ([x0, y0, x1, y1], more, photo) => {
  const half = (Math.max(x1 - x0, y1 - y0) / 2) * more;
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return [
    Math.max(0, x - half),
    Math.max(0, y - half),
    Math.min(photo.width, x + half),
    Math.min(photo.height, y + half),
  ];
};

/** A small picture of a part of a photo, as it is shown. */
export function crop(photo, box, { of = "original", width = 96, more = 1.1, alt = "", seen } = {}) {
  return h("img", {
    src: picture(photo.id, of, { box: square(box, more, photo), width, seen }),
    alt,
    draggable: "false",
    style: { transform: `rotate(${photo.turn}deg)` },
  });
}

function metadata(photo) {
  const { location, camera, taken, names } = photo.metadata;
  const { strip } = photo;
  const said = [
    location && "where it was taken",
    taken && "when",
    camera && `with which camera (${camera})`,
    names > 0 && `names of ${count(names, "person", "people")}`,
  ].filter(Boolean);
  if (!said.length)
    return (
      pictured(photo) &&
      photo.state !== "reading" &&
      h("p", { class: "soft", key: "metadata" }, "The file names no place, date or camera.")
    );
  const leave = (name, words) =>
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "checkbox",
        checked: strip[name] || (name !== "all" && strip.all),
        disabled: name !== "all" && strip.all,
        on: { change: (event) => post(photo, "/strip", { ...strip, [name]: event.target.checked }) },
      }),
      h("span", null, words),
    );
  return h(
    "fieldset",
    { class: "metadata", key: "metadata" },
    h("legend", null, "What the file says"),
    h("p", null, `The file says ${list(said)}. The saved file says the same, unless you leave it out:`),
    location && leave("location", "leave out the location"),
    names > 0 && leave("names", "leave out the names"),
    leave("all", "leave out all of it: camera, date, location, names"),
  );
}

/** How strongly: three looks of this very face, by eye. */
export function levels(photo) {
  const mine = own(photo);
  const [face] = chosen(photo);
  const missing = state.levels.filter(
    (one) => !photo.results[one.name] && photo.job?.level !== one.name && !photo.waiting?.includes(one.name),
  );
  return h(
    "fieldset",
    { class: "levels", key: "levels" },
    h("legend", null, "How it shall look"),
    h(
      "div",
      { class: "looks" },
      state.levels.map((one) => look(photo, one, mine, face)),
    ),
    face &&
      missing.length > 0 &&
      photo.job?.kind !== "look" &&
      h(
        "p",
        { class: "hint" },
        button(
          missing.length === state.levels.length ? "Show all three on this face" : "Show the others on this face",
          () => looks(photo),
          { class: "plain" },
        ),
        " They are made one after the other.",
      ),
    face &&
      Object.keys(photo.results).length > 0 &&
      h("p", { class: "hint" }, "Point at a picture, hold it or focus it: it shows the face as it was."),
  );
}

function look(photo, one, mine, face) {
  const result = photo.results[one.name];
  const job = photo.job?.level === one.name ? photo.job : null;
  const waits = photo.waiting?.includes(one.name);
  const picked = () => {
    mine.level = one.name;
    changed();
  };
  return h(
    "div",
    { class: `look ${mine.level === one.name ? "picked" : ""}`, key: one.name },
    face && result?.regions && result.has_file
      ? h(
          "button",
          { type: "button", class: "compare", key: "seen", "aria-label": `${one.title}: see the face as it was` },
          crop(photo, face.box, { of: one.name, width: 320, more: 1.25, seen: result.seconds, alt: "" }),
          h("span", { class: "was" }, crop(photo, face.box, { width: 320, more: 1.25 })),
          h("i", { class: "tag after" }, "after"),
          h("i", { class: "tag before" }, "before"),
        )
      : h(
          "div",
          { class: "compare unmade", key: "unseen" },
          face && crop(photo, face.box, { width: 320, more: 1.25 }),
          h(
            "i",
            { class: "tag" },
            job && !job.queued ? "is made…" : job || waits ? "waits" : result ? result.headline : "not made yet",
          ),
        ),
    h(
      "label",
      null,
      h("input", {
        type: "radio",
        name: `level ${photo.id}`,
        checked: mine.level === one.name,
        on: { change: picked },
      }),
      h("b", null, one.title),
      h("small", null, one.told),
    ),
  );
}

function actions(photo) {
  const others = photos().filter(awaited);
  const mine = own(photo);
  const { title } = level(mine.level);
  const some = chosen(photo).length;
  const all = () => {
    for (const one of others) own(one).level = mine.level;
    cloak(others);
  };
  return h(
    "div",
    { class: "actions", key: "actions" },
    others.length > 1 && others.includes(photo)
      ? [
          button(`Cloak all ${others.length}`, all, { class: "main", key: "all" }),
          button("Only this one", () => cloak([photo]), { key: "one" }),
        ]
      : button(!some ? "Cloak" : some === 1 ? "Cloak this face" : `Cloak these ${some} faces`, () => cloak([photo]), {
          class: "main",
          disabled: !some,
          key: "one",
        }),
    h("span", { class: "soft" }, `as “${title}”`),
  );
}
