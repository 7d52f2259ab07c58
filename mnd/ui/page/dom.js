/* What is on the page follows from the state: a small tree of what should be there, and how to make it so.
   Nothing that exists is replaced, so that focus, sliders and pictures stay. Text is always text, never markup. */

const none = (kid) => kid === null || kid === undefined || kid === false || kid === "";

/** An element that should be there. `props`: attributes; `on`: listeners; `style`: properties; `key`: which of
 *  several it is; `live`: `(element) => void`, called whenever it is there. */
export function h(tag, props, ...kids) {
  const wanted = kids.flat(Infinity).filter((kid) => !none(kid));
  return {
    tag,
    props: props ?? {},
    kids: wanted.map((kid) => (typeof kid === "object" ? kid : { text: String(kid) })),
  };
}

const IS_SVG = new Set(["svg", "path", "circle", "rect"]);
const AS_PROPERTY = new Set(["value", "checked", "disabled", "hidden", "open", "indeterminate"]);
const OWN = new Set(["on", "style", "key", "live", "own"]);

function make(node) {
  if (node.text !== undefined) return document.createTextNode(node.text);
  const element = IS_SVG.has(node.tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", node.tag)
    : document.createElement(node.tag);
  dress(element, {}, node.props);
  if (!node.props.own) arrange(element, [], node.kids);
  return element;
}

function dress(element, old, props) {
  for (const [name, value] of Object.entries(props)) {
    if (OWN.has(name) || (old[name] === value && !AS_PROPERTY.has(name))) continue;
    if (AS_PROPERTY.has(name)) {
      if (element[name] !== value) element[name] = value;
    } else if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const name of Object.keys(old)) {
    if (OWN.has(name) || name in props) continue;
    if (AS_PROPERTY.has(name)) element[name] = name === "value" ? "" : false;
    else element.removeAttribute(name);
  }
  for (const name of new Set([...Object.keys(old.on ?? {}), ...Object.keys(props.on ?? {})])) {
    element[`on${name}`] = props.on?.[name] ?? null;
  }
  for (const [name, value] of Object.entries(props.style ?? {})) {
    if (old.style?.[name] !== value) element.style.setProperty(name, value);
  }
}

const kind = (node, place) => `${node.tag ?? "#"}:${node.props?.key ?? `at ${place}`}`;

function arrange(element, old, kids) {
  const there = new Map(old.map((node, place) => [kind(node, place), node]));
  let at = element.firstChild;
  for (const [place, node] of kids.entries()) {
    const before = there.get(kind(node, place));
    if (before) {
      there.delete(kind(node, place));
      node.element = before.element;
      if (node.text !== undefined) {
        if (node.text !== before.text) node.element.data = node.text;
      } else {
        dress(node.element, before.props, node.props);
        if (!node.props.own) arrange(node.element, before.kids, node.kids);
      }
    } else node.element = make(node);
    if (node.element === at) at = at.nextSibling;
    else element.insertBefore(node.element, at);
    node.props?.live?.(node.element);
  }
  for (const gone of there.values()) gone.element.remove();
}

const shown = new WeakMap();

/** Make the children of `host` those of this list. */
export function show(host, ...kids) {
  const wanted = h("", null, ...kids).kids;
  arrange(host, shown.get(host) ?? [], wanted);
  shown.set(host, wanted);
}

/** A button. */
export const button = (words, click, props) =>
  h("button", { type: "button", ...props, on: { click, ...props?.on } }, words);

/** A button that asks for files. `take` gets them. */
export function chooser(words, take, { many = true, look = "", id } = {}) {
  const taken = (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    if (files.length) take(files);
  };
  return h(
    "label",
    { class: `choose ${look}` },
    h("input", {
      type: "file",
      id,
      multiple: many,
      accept: "image/*,.heic,.heif,.avif,.tif,.tiff,.bmp",
      on: { change: taken },
    }),
    h("span", null, words),
  );
}

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** "a, b and c". */
export function list(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
