"use strict";
// The order of the trials for one observer. order.py computes the same: change both or none.

function seedOf(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// trials: [{id, content}, ...]; returns their ids
function orderOf(trials, seed) {
  const draw = randomOf(seedOf(seed));
  const rest = trials.slice();
  for (let place = rest.length - 1; place > 0; place--) {
    const other = Math.floor(draw() * (place + 1));
    [rest[place], rest[other]] = [rest[other], rest[place]];
  }
  const left = new Map();
  for (const trial of trials) left.set(trial.content, (left.get(trial.content) || 0) + 1);
  const taken = [];
  let last = "";
  while (rest.length) {
    const at = nextOf(rest, left, last);
    const [trial] = rest.splice(at, 1);
    taken.push(trial.id);
    last = trial.content;
    left.set(last, left.get(last) - 1);
  }
  return taken;
}

function nextOf(rest, left, last) {
  const after = rest.length - 1;
  const arrangeable = (content) =>
    [...left].every(([other, count]) =>
      other === content ? count - 1 <= Math.floor(after / 2) : count <= Math.floor((after + 1) / 2));
  const fitting = new Set([...left.keys()].filter((content) => content !== last && arrangeable(content)));
  const at = rest.findIndex((trial) => fitting.has(trial.content));
  if (at >= 0) return at;
  return Math.max(0, rest.findIndex((trial) => trial.content !== last));
}
