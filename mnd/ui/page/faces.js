/* The photo with a frame around each face: click one to leave it out, draw one more. */

import { button, h } from "./dom.js";
import { changed, choose, chosen, draw, drawnBoxes, numbers, own, say } from "./model.js";
import { picture } from "./net.js";

const SHOWN = 1600;
const LOW = 0.94;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A point of what is shown, 0 to 1, as one of the photo: it may be shown turned. */
const unturned = (turn, u, v) => ({ 0: [u, v], 90: [v, 1 - u], 180: [1 - u, 1 - v], 270: [1 - v, u] })[turn];
const unturnedStep = (turn, du, dv) => ({ 0: [du, dv], 90: [dv, -du], 180: [-du, -dv], 270: [-dv, du] })[turn];

/** Where a box lies on its photo. */
function placed(photo, [x0, y0, x1, y1]) {
  const share = (value, whole) => `${(100 * value) / whole}%`;
  return {
    left: share(x0, photo.width),
    top: share(y0, photo.height),
    width: share(x1 - x0, photo.width),
    height: share(y1 - y0, photo.height),
  };
}

/** Who the user says is in the gallery, else who looks so. */
export const isMe = (photo, face) => (photo.me === null ? face.person === true : photo.me === face.number);

/** The photo, and what stands on it. */
export function stage(photo) {
  const mine = own(photo);
  const { width, height, turn } = photo;
  const onSide = turn % 180 !== 0;
  const ratio = onSide ? height / width : width / height;
  const sides = onSide ? { width: `${100 / ratio}%`, height: `${100 * ratio}%` } : { width: "100%", height: "100%" };
  return h(
    "div",
    {
      class: `stage ${mine.drawing ? "drawing" : ""}`,
      key: "stage",
      style: { "--ratio": String(ratio) },
      on: mine.drawing ? drawn(photo) : {},
    },
    h(
      "div",
      {
        class: "turned",
        style: { ...sides, transform: `translate(-50%, -50%) rotate(${turn}deg)`, "--back": `${-turn}deg` },
      },
      h("img", {
        src: picture(photo.id, "original", { width: SHOWN }),
        alt: `The photo ${photo.name}`,
        draggable: "false",
      }),
      photo.faces.map((face) => frame(photo, face)),
      photo.suspects.map((box, place) => suspect(photo, box, place)),
      mine.drawing && !mine.drawing.hidden && newFrame(photo),
    ),
  );
}

function frame(photo, face) {
  const me = isMe(photo, face);
  const what = face.drawn ? "your frame" : me ? "me" : "";
  const told = face.chosen ? "will be changed" : "is left out";
  return h(
    "button",
    {
      type: "button",
      key: `face ${face.number}`,
      class: `frame ${face.chosen ? "on" : "off"} ${face.box[3] > LOW * photo.height ? "low" : ""}`,
      style: placed(photo, face.box),
      "aria-pressed": String(face.chosen),
      "aria-label": `Face ${face.number + 1}${what && `, ${what}`}: ${told}`,
      title: face.chosen ? "Click to leave this face out" : "Click to change this face, too",
      disabled: own(photo).drawing !== null,
      on: { click: () => toggled(photo, face) },
    },
    h("span", null, face.number + 1, me ? " me" : ""),
  );
}

function suspect(photo, box, place) {
  return h(
    "button",
    {
      type: "button",
      key: `suspect ${place}`,
      class: "frame suspect",
      style: placed(photo, box),
      disabled: own(photo).drawing !== null,
      "aria-label": "This may be a face: change it, too",
      title: "This may be a face. Click to change it, too",
      on: { click: () => kept(photo, box) },
    },
    h("span", null, "?"),
  );
}

/** Leave a face out, or take it in again. */
export function toggled(photo, face) {
  const others = numbers(chosen(photo).filter((one) => one !== face));
  say(`Face ${face.number + 1} ${face.chosen ? "is left out" : "will be changed"}.`);
  return choose(photo, face.chosen ? others : [...others, face.number]);
}

/** Take away a frame that was drawn. */
export function removed(photo, face) {
  say(`Frame ${face.number + 1} is taken away.`);
  return draw(
    photo,
    drawnBoxes(photo).filter((box) => box !== face.box),
  );
}

function kept(photo, box) {
  own(photo).drawing = null;
  say("The frame is kept.");
  return draw(photo, [...drawnBoxes(photo), box.map(Math.round)]);
}

/** Begin to draw: a frame in the middle, for who has no mouse. */
export function begin(photo) {
  const side = Math.min(photo.width, photo.height) / 4;
  const [x, y] = [photo.width / 2, photo.height / 2];
  own(photo).drawing = { box: [x - side / 2, y - side / 2, x + side / 2, y + side / 2], hidden: false, focus: true };
  changed();
}

function newFrame(photo) {
  const { drawing } = own(photo);
  const focused = (element) => {
    if (!drawing.focus) return;
    drawing.focus = false;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  };
  return h(
    "div",
    {
      key: "new",
      class: "frame new",
      style: placed(photo, drawing.box),
      tabindex: "0",
      role: "group",
      "data-space": true,
      live: focused,
      "aria-label": "New frame. Arrow keys move it, with Shift they change its size, Enter keeps it, Escape drops it.",
      on: { keydown: (event) => keyed(photo, event) },
    },
    h("span", null, "new"),
  );
}

/** What is said and offered while a frame is drawn. */
export function drawingTools(photo) {
  const { drawing } = own(photo);
  return h(
    "div",
    { class: "box", key: "drawing" },
    h(
      "p",
      null,
      "Draw a frame around the face, with the mouse or a finger. By keyboard: arrow keys move the new frame, with Shift they change its size.",
    ),
    h(
      "p",
      { class: "row" },
      button("Keep this frame", () => kept(photo, drawing.box), { class: "main" }),
      button("Cancel", () => dropped(photo)),
    ),
  );
}

/** Draw no frame after all. */
export function dropped(photo) {
  own(photo).drawing = null;
  changed();
}

function keyed(photo, event) {
  const { drawing } = own(photo);
  const move = MOVES[event.key];
  if (event.key === "Enter" || event.key === " ") kept(photo, drawing.box);
  else if (event.key === "Escape") dropped(photo);
  else if (move) {
    const step = Math.max(2, Math.min(photo.width, photo.height) / 50);
    const [dx, dy] = unturnedStep(photo.turn, move[0] * step, move[1] * step);
    const [x0, y0, x1, y1] = drawing.box;
    const more = move[0] || -move[1]; // to the right and up: larger
    const [wide, high] = [Math.abs(dx) * more, Math.abs(dy) * more];
    drawing.box = event.shiftKey
      ? within(photo, [x0 - wide, y0 - high, x1 + wide, y1 + high])
      : moved(photo, drawing.box, dx, dy);
    changed();
  } else return;
  event.preventDefault();
}

function moved(photo, [x0, y0, x1, y1], dx, dy) {
  const x = Math.max(-x0, Math.min(photo.width - x1, dx));
  const y = Math.max(-y0, Math.min(photo.height - y1, dy));
  return [x0 + x, y0 + y, x1 + x, y1 + y];
}

const LEAST = 8;

function within(photo, [x0, y0, x1, y1]) {
  const side = (a, b, whole) => {
    const middle = (a + b) / 2;
    const half = Math.max(LEAST, Math.abs(b - a)) / 2;
    return [Math.max(0, Math.min(whole - LEAST, middle - half)), Math.min(whole, Math.max(LEAST, middle + half))];
  };
  if (x1 - x0 < LEAST) [x0, x1] = [(x0 + x1 - LEAST) / 2, (x0 + x1 + LEAST) / 2];
  if (y1 - y0 < LEAST) [y0, y1] = [(y0 + y1 - LEAST) / 2, (y0 + y1 + LEAST) / 2];
  [x0, x1] = side(x0, x1, photo.width);
  [y0, y1] = side(y0, y1, photo.height);
  return [x0, y0, x1, y1];
}

/** Drawing with a mouse, a pen or a finger. */
function drawn(photo) {
  const point = (event) => {
    const frame = event.currentTarget.getBoundingClientRect();
    const part = (value) => Math.max(0, Math.min(1, value));
    const [x, y] = unturned(
      photo.turn,
      part((event.clientX - frame.left) / frame.width),
      part((event.clientY - frame.top) / frame.height),
    );
    return [x * photo.width, y * photo.height];
  };
  const spanned = ([x0, y0], [x1, y1]) => [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
  return {
    pointerdown: (event) => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      own(photo).drawing.from = point(event);
      event.preventDefault();
    },
    pointermove: (event) => {
      const { drawing } = own(photo);
      if (!drawing?.from) return;
      drawing.box = spanned(drawing.from, point(event));
      changed();
    },
    pointerup: (event) => {
      const { drawing } = own(photo);
      if (!drawing?.from) return;
      const box = spanned(drawing.from, point(event));
      drawing.from = null;
      if (box[2] - box[0] >= LEAST && box[3] - box[1] >= LEAST) kept(photo, box);
      else begin(photo);
    },
    pointercancel: () => begin(photo),
  };
}
