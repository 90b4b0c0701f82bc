// Timers, and waiting for the host.
//
// Timers and everything else that a request waits for share one call of `poll`. The engine waits in a poll of its own, where it
// does not see the pollables of a script, so its `setTimeout` serves only to continue here once no promise can go on.

import { now, subscribeDuration } from "wasi:clocks/monotonic-clock@0.2.10";
import { poll } from "wasi:io/poll@0.2.10";

import { atRunTime } from "./phase.js";

const engineTimeout = globalThis.setTimeout;
const waiting = new Set();
const timers = new Map();
let lastTimer = 0;
let scheduled = false;

/** Resolves once a pollable is ready, or the signal is aborted. Drops the pollable. */
export function ready(pollable, signal) {
  return new Promise((resolve) => {
    const wait = { pollable, end };
    function end() {
      if (!waiting.delete(wait)) return;
      signal?.removeEventListener("abort", end);
      pollable[Symbol.dispose]();
      resolve();
    }
    waiting.add(wait);
    signal?.addEventListener("abort", end);
    schedule();
  });
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  engineTimeout(turn, 0);
}

function turn() {
  scheduled = false;
  const waits = [...waiting];
  const pollables = waits.map(({ pollable }) => pollable);
  let first = Infinity;
  for (const { due } of timers.values()) first = Math.min(first, due);
  const clock = first < Infinity ? subscribeDuration(BigInt(Math.max(0, Math.ceil((first - time()) * 1e6)))) : undefined;
  if (clock) pollables.push(clock);
  if (!pollables.length) return;
  const found = poll(pollables);
  clock?.[Symbol.dispose]();
  for (const index of found) waits[index]?.end();
  if (clock) runTimers();
  if (waiting.size || timers.size) schedule();
}

function runTimers() {
  const current = time();
  const due = [...timers].filter(([, timer]) => timer.due <= current);
  due.sort(([, one], [, other]) => one.due - other.due);
  for (const [id, timer] of due) {
    // A timer that ran before may have stopped this one.
    if (timers.get(id) !== timer) continue;
    if (timer.period === undefined) timers.delete(id);
    else timer.due = current + timer.period;
    try {
      timer.run();
    } catch (error) {
      console.error(error);
    }
  }
}

/** Milliseconds of the monotonic clock. */
function time() {
  return Number(now()) / 1e6;
}

function start(name, callback, delay, period, values) {
  atRunTime(name);
  if (typeof callback !== "function") throw new TypeError(`${name} needs a function`);
  timers.set(++lastTimer, { due: time() + delay, period, run: () => callback(...values) });
  schedule();
  return lastTimer;
}

const delayOf = (delay) => Math.max(0, Number(delay) || 0);
const stop = (id) => void timers.delete(id);

Object.assign(globalThis, {
  setTimeout: (callback, delay, ...values) => start("setTimeout", callback, delayOf(delay), undefined, values),
  setInterval: (callback, delay, ...values) => start("setInterval", callback, delayOf(delay), Math.max(1, delayOf(delay)), values),
  clearTimeout: stop,
  clearInterval: stop,
});

// The engine's own would wait for a timer of the engine.
AbortSignal.timeout = (delay) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException("The operation timed out.", "TimeoutError")), delay);
  return controller.signal;
};

const abort = AbortSignal.abort;
AbortSignal.abort = (reason = new DOMException("This operation was aborted", "AbortError")) => abort.call(AbortSignal, reason);
