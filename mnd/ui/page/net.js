/* Talking to the server: this very computer, and nobody else. */

/** An answer that is none, in the server's words. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Ask the server. `body`: a File goes as it is, all else as JSON. */
export async function ask(method, path, body) {
  const raw = body instanceof Blob;
  const options = { method, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    options.body = raw ? body : JSON.stringify(body);
    options.headers = { "Content-Type": raw ? "application/octet-stream" : "application/json" };
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused(0, "mnd does not answer. Is it still running?");
  }
  const json = await answer.json().catch(() => ({}));
  if (answer.ok) return json;
  throw new Refused(answer.status, json?.error?.message ?? `mnd answered ${answer.status}.`);
}

export const photo = (id, what = "") => `/photos/${encodeURIComponent(id)}${what}`;

const query = (values) => new URLSearchParams(values).toString();

export const put = (path, file, more = {}) => ask("PUT", `${path}?${query({ name: file.name, ...more })}`, file);

/** Where a part of a photo is. `of`: original, a level, or difference (then `level`); `seen`: what it shows may
 *  change under the same address, and this word with it. */
export function picture(id, of, { box, width, level, seen } = {}) {
  const values = { of };
  if (level) values.level = level;
  if (box) values.box = box.map(Math.round).join(",");
  if (width) values.width = Math.round(width);
  if (seen) values.seen = seen;
  return `${photo(id, "/picture")}?${query(values)}`;
}

export const file = (id, level) => `${photo(id, "/file")}?${query({ level })}`;

const PATIENCE = 3000;

/** Follow the state. `changed(state)` at each change; `gone(true)` when the server no longer answers. */
export function follow(changed, gone) {
  let timer = 0;
  const events = new EventSource("/events");
  const back = () => {
    clearTimeout(timer);
    timer = 0;
    gone(false);
  };
  events.addEventListener("open", back);
  events.addEventListener("state", (event) => {
    back();
    changed(JSON.parse(event.data));
  });
  events.addEventListener("error", () => {
    // a connection may break and come back by itself; one that was refused does not
    if (timer || events.readyState === EventSource.OPEN) return;
    timer = setTimeout(
      () =>
        ask("GET", "/state").then(
          () => {
            timer = 0;
          },
          () => gone(true),
        ),
      PATIENCE / 3,
    );
  });
  return events;
}
