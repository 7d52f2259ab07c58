/* Before and after on one another, at 100 %: a slider between both, the space bar flips, and the difference.
   `new MndViewer(host).set(views)`; what stands in a page as `.viewer` with `.view`s in it is made one at once.
   A view: label, note, width, height (of its pictures), whole (is fitted), turn (degrees clockwise),
   focus ([x, y] that is kept in the middle), before, after, difference (addresses), gain (a number, or what
   promises one). */
(() => {
  "use strict";
  const ZOOMS = [1, 2, 4];
  const NEAR = 28;
  const MANY = 6;
  const KEYS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const viewers = new Set();

  const made = (tag, name, attributes = {}, ...kids) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...kids);
    return element;
  };
  const pressed = (words, click, attributes = {}) => {
    const one = made("button", "viewer-button", { type: "button", "aria-pressed": "false", ...attributes }, words);
    one.addEventListener("click", click);
    return one;
  };

  class MndViewer {
    constructor(host) {
      this.host = host;
      this.views = [];
      this.at = 50;
      this.zoom = 1;
      this.middle = [0, 0]; /* the point of the view, as shown, that is in the middle of the stage */
      this.index = 0;
      this.different = false;
      this.gains = new Map();
      this.build();
      viewers.add(this);
      new ResizeObserver(() => this.place()).observe(this.stage);
    }

    build() {
      const layer = (name) => {
        const picture = made("img", "", { alt: "", draggable: "false" });
        return [made("div", `viewer-layer ${name}`, {}, picture), picture];
      };
      const [under, after] = layer("after");
      const [over, before] = layer("before");
      const [above, difference] = layer("difference");
      this.pictures = { before, after, difference };
      this.line = made("i", "viewer-line", { "aria-hidden": "true" }, made("b", ""));
      this.tags = [
        made("span", "viewer-tag left", { "aria-hidden": "true" }, "before"),
        made("span", "viewer-tag right", { "aria-hidden": "true" }, "after"),
      ];
      this.stage = made(
        "div",
        "viewer-stage",
        { tabindex: "0", role: "group" },
        under,
        over,
        above,
        this.line,
        ...this.tags,
      );
      this.choice = made("div", "viewer-choice", { role: "group", "aria-label": "What to look at" });
      this.range = made("input", "viewer-range", {
        type: "range",
        min: "0",
        max: "100",
        step: "1",
        "aria-label": "How much of the original is shown",
      });
      this.flip = pressed("Flip", () => this.flipped(), { "aria-keyshortcuts": "Space", title: "Space bar" });
      this.flip.removeAttribute("aria-pressed"); /* what it says is what it does next */
      this.zooms = ZOOMS.map((zoom) => pressed(`${zoom}x`, () => this.zoomed(zoom), { "aria-label": `${zoom} times` }));
      this.differ = pressed("Difference", () => this.differed());
      this.note = made("p", "viewer-note", { role: "status" });
      this.host.replaceChildren(
        this.choice,
        this.stage,
        this.range,
        made(
          "div",
          "viewer-tools",
          {},
          this.flip,
          made("span", "viewer-zooms", { role: "group", "aria-label": "Size" }, ...this.zooms),
          this.differ,
        ),
        this.note,
      );
      this.range.addEventListener("input", () => this.slid(Number(this.range.value)));
      this.stage.addEventListener("pointerdown", (event) => this.grabbed(event));
      this.stage.addEventListener("keydown", (event) => this.keyed(event));
    }

    get view() {
      return this.views[this.index];
    }

    /** Show these; the one that was looked at stays where it has the same label. */
    set(views) {
      const same = JSON.stringify(views) === JSON.stringify(this.views);
      if (same) return;
      const label = this.view?.label;
      const other =
        views.length !== this.views.length || views.some((view, place) => view.label !== this.views[place].label);
      this.views = views;
      this.index = Math.max(
        0,
        views.findIndex((view) => view.label === label),
      );
      if (other) this.chips();
      if (other && views.length) this.centre();
      this.load();
    }

    chips() {
      const labels = this.views.map((view) => view.label);
      if (labels.length > MANY) {
        const select = made(
          "select",
          "",
          { "aria-label": "What to look at" },
          ...labels.map((label, place) => made("option", "", { value: String(place) }, label)),
        );
        select.addEventListener("change", () => this.looked(Number(select.value)));
        this.choice.replaceChildren(select);
      } else this.choice.replaceChildren(...labels.map((label, place) => pressed(label, () => this.looked(place))));
      this.choice.hidden = labels.length < 2;
    }

    /** Look at the view of this place. */
    looked(place) {
      this.index = place;
      this.centre();
      this.load();
    }

    centre() {
      const { width, height, turn = 0, focus: [x, y] = [width / 2, height / 2] } = this.view;
      this.middle = { 0: [x, y], 90: [height - y, x], 180: [width - x, height - y], 270: [y, width - x] }[turn];
    }

    load() {
      const view = this.view;
      if (!view) return;
      for (const [name, picture] of Object.entries(this.pictures)) {
        const wanted = name !== "difference" || this.different ? view[name] : "";
        if (wanted && picture.getAttribute("src") !== wanted) picture.src = wanted;
      }
      this.pictures.after.alt = `${view.label}, after`;
      this.pictures.before.alt = `${view.label}, before`;
      this.pictures.difference.alt = `${view.label}, what was changed`;
      this.place();
    }

    /** Width and height as shown, at the size at which one begins. */
    size() {
      const { width, height, turn = 0 } = this.view;
      return turn % 180 ? [height, width] : [width, height];
    }

    place() {
      const view = this.view;
      const wide = this.stage.clientWidth;
      if (!view || !wide) return;
      const [w, h] = this.size();
      const highest = Math.max(240, Math.min(0.62 * window.innerHeight, 720));
      this.base = view.whole ? Math.min(1, wide / w, highest / h) : 1;
      const scale = this.base * this.zoom;
      const high = Math.round(Math.min(highest, Math.max(view.whole ? 0 : Math.min(240, highest), h * this.base)));
      this.stage.style.height = `${high}px`;
      this.room = [Math.max(0, (w * scale - wide) / 2), Math.max(0, (h * scale - high) / 2)];
      this.pan = [w, h].map((side, axis) => {
        const wanted = (side / 2 - this.middle[axis]) * scale;
        return Math.max(-this.room[axis], Math.min(this.room[axis], wanted));
      });
      const loose = this.room[0] + this.room[1] > 0;
      this.stage.classList.toggle("loose", loose);
      for (const picture of Object.values(this.pictures)) {
        picture.style.width = `${view.width * scale}px`;
        picture.style.height = `${view.height * scale}px`;
        picture.style.transform = `translate(calc(-50% + ${this.pan[0]}px), calc(-50% + ${this.pan[1]}px)) rotate(${view.turn ?? 0}deg)`;
        picture.style.imageRendering = scale >= 2 ? "pixelated" : "auto";
      }
      this.paint(scale);
    }

    paint(scale = this.base * this.zoom) {
      const { at, view } = this;
      this.host.style.setProperty("--at", `${at}%`);
      this.host.classList.toggle("different", this.different);
      this.range.value = String(at);
      this.range.setAttribute(
        "aria-valuetext",
        at === 0 ? "after" : at === 100 ? "before" : `${Math.round(at)} % before, the rest after`,
      );
      this.tags[0].hidden = at < 15 || this.different;
      this.tags[1].hidden = at > 85 || this.different;
      this.flip.textContent = at === 100 ? "Flip: see after" : "Flip: see before";
      this.zooms.forEach((one, place) => one.setAttribute("aria-pressed", String(ZOOMS[place] === this.zoom)));
      this.differ.setAttribute("aria-pressed", String(this.different));
      this.differ.hidden = !view.difference;
      [...this.choice.children].forEach((one, place) => {
        if (one.tagName === "SELECT") one.value = String(this.index);
        else one.setAttribute("aria-pressed", String(place === this.index));
      });
      const keys = "Space flips before and after, arrow keys move the picture, plus and minus change its size.";
      this.stage.setAttribute("aria-label", `${view.label}. ${keys}`);
      const told = this.different ? this.told() : [at === 100 ? "before" : at === 0 ? "after" : "", view.note ?? ""];
      const size = view.whole && scale < 1 ? "fitted" : `${Math.round(100 * scale)} %`;
      const note = [view.label, size, ...told].filter(Boolean).join(" · ");
      if (this.note.textContent !== note) this.note.textContent = note;
    }

    told() {
      const { gain, difference } = this.view;
      if (typeof gain === "function" && !this.gains.has(difference)) {
        this.gains.set(difference, 0);
        /* not before it is to be seen */
        const seen = this.pictures.difference.decode().catch(() => null);
        Promise.all([gain(), seen]).then(([number]) => {
          this.gains.set(difference, number);
          this.paint();
        });
      }
      const times = typeof gain === "function" ? this.gains.get(difference) : gain;
      return [`what was changed, ${times ? `${times} times ` : ""}enlarged around grey`];
    }

    slid(at) {
      this.at = Math.max(0, Math.min(100, at));
      this.paint();
    }

    /** All before, all after, and so on. */
    flipped() {
      this.slid(this.at === 100 ? 0 : 100);
    }

    zoomed(zoom) {
      this.zoom = zoom;
      this.place();
    }

    differed() {
      this.different = !this.different;
      this.load();
    }

    /** Move the picture to so many pixels off its middle. */
    panned(pan) {
      const scale = this.base * this.zoom;
      this.middle = this.size().map((side, axis) => {
        const value = Math.max(-this.room[axis], Math.min(this.room[axis], pan[axis]));
        return this.room[axis] ? side / 2 - value / scale : this.middle[axis];
      });
      this.place();
    }

    /** Dragging moves the line where that is near or all is seen, else the picture. */
    grabbed(event) {
      if (event.button !== 0) return;
      const frame = this.stage.getBoundingClientRect();
      const x = event.clientX - frame.left;
      const slides = !this.stage.classList.contains("loose") || Math.abs(x - (this.at / 100) * frame.width) < NEAR;
      const [startX, startY, start] = [event.clientX, event.clientY, this.pan];
      const moved = (now) => {
        if (slides) this.slid((100 * (now.clientX - frame.left)) / frame.width);
        else this.panned([start[0] + now.clientX - startX, start[1] + now.clientY - startY]);
      };
      const done = () => {
        for (const name of ["pointerup", "pointercancel"]) this.stage.removeEventListener(name, done);
        this.stage.removeEventListener("pointermove", moved);
      };
      this.stage.setPointerCapture(event.pointerId);
      this.stage.addEventListener("pointermove", moved);
      for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, done);
      if (slides && !this.stage.classList.contains("loose")) moved(event);
    }

    keyed(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = KEYS[event.key];
      const zoom = ZOOMS.indexOf(this.zoom) + { "+": 1, "=": 1, "-": -1 }[event.key];
      if (step && this.room[0] + this.room[1] > 0) this.panned(this.pan.map((value, axis) => value + 60 * step[axis]));
      else if (step?.[0]) this.slid(this.at - 5 * step[0]);
      else if (ZOOMS[zoom]) this.zoomed(ZOOMS[zoom]);
      else return;
      event.preventDefault();
    }
  }

  /* the space bar flips wherever nothing else wants it: the viewer that has the focus, else the first in sight */
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("button, a, select, textarea, summary, label, input:not(.viewer-range), [data-space]"))
      return;
    for (const one of viewers) if (!one.host.isConnected) viewers.delete(one);
    const seen = (one) => {
      const frame = one.stage.getBoundingClientRect();
      return frame.height > 0 && frame.bottom > 0 && frame.top < window.innerHeight;
    };
    const all = [...viewers];
    const chosen = all.find((one) => one.host.contains(event.target)) ?? all.find(seen);
    if (!chosen) return;
    event.preventDefault();
    chosen.flipped();
  });

  const written = (figure) => {
    const of = (name) => figure.querySelector(`img.${name}`)?.getAttribute("src") ?? "";
    const { label, note, width, height, gain, whole, turn, focus } = figure.dataset;
    return {
      label,
      note,
      width: Number(width),
      height: Number(height),
      gain: Number(gain),
      whole: whole !== undefined,
      turn: Number(turn ?? 0),
      focus: focus?.split(",").map(Number),
      before: of("before"),
      after: of("after"),
      difference: of("difference"),
    };
  };
  for (const host of document.querySelectorAll(".viewer")) {
    const views = [...host.querySelectorAll(".view")].map(written);
    if (views.length) new MndViewer(host).set(views);
  }
  globalThis.MndViewer = MndViewer;
})();
