// Answers requests of wasi:http with the handler of a script: `export default { fetch }`, or a listener for `fetch` events.

import { getEnvironment } from "wasi:cli/environment@0.2.10";
import { Fields, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.10";

import { incomingBody, sendBody } from "./bodies.js";
import { enterRunTime } from "./phase.js";

const listeners = [];
const decoder = new TextDecoder();
const encoder = new TextEncoder();
let environment;

globalThis.addEventListener = (type, listener) => {
  if (type === "fetch") listeners.push(typeof listener === "function" ? listener : (event) => listener.handleEvent(event));
};
globalThis.removeEventListener = (type, listener) => {
  if (type === "fetch" && listeners.includes(listener)) listeners.splice(listeners.indexOf(listener), 1);
};

/** The implementation of `wasi:http/incoming-handler` for the exports of a script. */
export function incomingHandlerOf(exports) {
  const answer = answerOf(exports);
  return {
    async handle(incoming, responseOut) {
      enterRunTime();
      const later = [];
      const context = { waitUntil: (promise) => void later.push(promise), passThroughOnException() {}, props: {} };
      environment ??= Object.fromEntries(getEnvironment());
      const response = await answer(requestOf(incoming), environment, context);
      if (!(response instanceof Response)) throw new TypeError(`the handler returned ${typeof response}, not a Response`);
      await send(response, responseOut);
      await Promise.allSettled(later).then((ends) => {
        for (const end of ends) if (end.status === "rejected") console.error(end.reason);
      });
    },
  };
}

function answerOf({ default: main }) {
  if (typeof main?.fetch === "function") return (...values) => main.fetch(...values);
  if (typeof main === "function") return main;
  if (listeners.length) return answerByEvent;
  throw new Error(NO_HANDLER);
}

const NO_HANDLER =
  "BELLJAR: the script has no handler: write `export default { fetch(request) { ... } }`, `export default app` for Hono and other " +
  'routers, `addEventListener("fetch", ...)`, or `export function handle(request)` for the contract of belljar';

function answerByEvent(request, _environment, context) {
  let response;
  const event = {
    type: "fetch",
    request,
    respondWith(value) {
      if (response !== undefined) throw new Error("respondWith is called twice");
      response = Promise.resolve(value);
    },
    waitUntil: context.waitUntil,
    passThroughOnException() {},
  };
  for (const listener of listeners) {
    listener(event);
    if (response !== undefined) return response;
  }
  throw new Error("no listener for fetch events called respondWith");
}

function requestOf(incoming) {
  const method = nameOf(incoming.method());
  const authority = incoming.authority();
  const scheme = incoming.scheme()?.tag === "HTTPS" ? "https" : "http";
  const fields = incoming.headers();
  const headers = new Headers(fields.entries().map(([name, value]) => [name, decoder.decode(value)]));
  fields[Symbol.dispose]();
  // The host has moved the Host field to the authority, where scripts do not look.
  if (authority && !headers.has("host")) headers.set("host", authority);
  const init = { method, headers };
  if (method !== "GET" && method !== "HEAD") {
    init.body = incomingBody(incoming);
    init.duplex = "half";
  }
  const request = new Request(`${scheme}://${authority ?? "localhost"}${incoming.pathWithQuery() ?? "/"}`, init);
  // The constructor leaves out Host and other fields that a script may not set itself.
  Object.defineProperty(request, "headers", { value: headers });
  return request;
}

async function send(response, responseOut) {
  const entries = [...response.headers].map(([name, value]) => [name, encoder.encode(value)]);
  const outgoing = new OutgoingResponse(Fields.fromList(entries));
  outgoing.setStatusCode(response.status);
  const body = outgoing.body();
  ResponseOutparam.set(responseOut, { tag: "ok", val: outgoing });
  await sendBody(body, response.body);
}

function nameOf(method) {
  return method.tag === "other" ? method.val : method.tag.toUpperCase();
}
