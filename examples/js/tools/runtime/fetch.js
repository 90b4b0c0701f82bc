// `fetch` over wasi:http, with redirects and compressed answers (https://fetch.spec.whatwg.org/).

import { handle } from "wasi:http/outgoing-handler@0.2.10";
import { Fields, OutgoingRequest } from "wasi:http/types@0.2.10";

import { incomingBody, sendBody } from "./bodies.js";
import { ready } from "./event_loop.js";
import { atRunTime } from "./phase.js";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

globalThis.fetch = async function fetch(input, init) {
  atRunTime("fetch");
  const request = new Request(input, init);
  const redirect = init?.redirect ?? input?.redirect ?? "follow";
  const signal = init?.signal ?? input?.signal ?? undefined;
  const headers = new Headers(init?.headers ?? input?.headers);
  // The constructor of Request sets the type of a body.
  if (!headers.has("content-type") && request.headers.has("content-type")) headers.set("content-type", request.headers.get("content-type"));
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "gzip, deflate");
  if (!headers.has("accept")) headers.set("accept", "*/*");
  let { method, body } = request;
  let url = new URL(request.url);
  // A stream can be sent only once. Anything else is kept for redirects.
  const source = init?.body ?? undefined;
  const repeatable = body === null || (source !== undefined && !(source instanceof ReadableStream));
  let kept = body && repeatable ? new Uint8Array(await request.arrayBuffer()) : undefined;

  for (let redirects = 0; ; redirects++) {
    const content = kept ? new Response(kept).body : body;
    const response = await send(url, method, headers, content, signal, kept?.length);
    const target = REDIRECTS.includes(response.status) ? response.headers.get("location") : null;
    if (target === null || redirect === "manual") return finished(response, url, redirects > 0);
    response.body?.cancel().catch(() => {});
    if (redirect === "error") throw new TypeError(`fetch failed: ${url} redirects to ${target}, and the option redirect is "error"`);
    if (redirects === MAX_REDIRECTS) throw new TypeError(`fetch failed: ${request.url} redirects more than ${MAX_REDIRECTS} times`);
    const next = new URL(target, url);
    if (!next.hash) next.hash = url.hash;
    if (![301, 302, 303].includes(response.status) && !repeatable) {
      throw new TypeError(`fetch failed: ${url} redirects, and the body is a stream that cannot be sent again`);
    }
    const becomesGet = response.status === 303 ? !["GET", "HEAD"].includes(method) : method === "POST" && response.status < 303;
    if (becomesGet) {
      method = "GET";
      body = null;
      kept = undefined;
      for (const name of ["content-encoding", "content-language", "content-location", "content-type", "content-length"]) headers.delete(name);
    }
    if (next.origin !== url.origin) for (const name of ["authorization", "cookie", "host", "proxy-authorization"]) headers.delete(name);
    url = next;
  }
};

async function send(url, method, headers, content, signal, length) {
  if (!["http:", "https:"].includes(url.protocol)) throw new TypeError(`fetch failed: ${url} is not an http or https URL`);
  signal?.throwIfAborted?.();
  const entries = [...headers].filter(([name]) => !FORBIDDEN.includes(name)).map(([name, value]) => [name, encoder.encode(value)]);
  if (length !== undefined && !headers.has("content-length")) entries.push(["content-length", encoder.encode(String(length))]);
  const outgoing = new OutgoingRequest(Fields.fromList(entries));
  outgoing.setMethod(METHODS.includes(method) ? { tag: method.toLowerCase() } : { tag: "other", val: method });
  outgoing.setScheme({ tag: url.protocol === "https:" ? "HTTPS" : "HTTP" });
  outgoing.setAuthority(url.host);
  outgoing.setPathWithQuery(url.pathname + url.search);
  const body = outgoing.body();
  let future;
  try {
    future = handle(outgoing, undefined);
  } catch (error) {
    throw failure(url, error.payload ?? error);
  }
  // A server may answer before it has read the whole body, so both go on at the same time.
  let broken;
  const sent = sendBody(body, content).catch((error) => void (broken = error));
  let result;
  try {
    while ((result = future.get()) === undefined) {
      await ready(future.subscribe(), signal);
      signal?.throwIfAborted?.();
    }
  } finally {
    future[Symbol.dispose]();
  }
  if (result.tag === "err" || result.val.tag === "err") {
    await sent;
    throw broken ?? failure(url, result.tag === "err" ? "the answer was taken twice" : result.val.val);
  }
  return responseOf(result.val.val, method);
}

function responseOf(incoming, method) {
  const status = incoming.status();
  const fields = incoming.headers();
  const headers = new Headers(fields.entries().map(([name, value]) => [name, decoder.decode(value)]));
  fields[Symbol.dispose]();
  if (method === "HEAD" || [101, 103, 204, 205, 304].includes(status)) {
    incoming[Symbol.dispose]();
    return new Response(null, { status, headers });
  }
  let body = incomingBody(incoming, () => incoming[Symbol.dispose]());
  const codings = (headers.get("content-encoding") ?? "").toLowerCase().split(",").map((coding) => coding.trim()).filter(Boolean);
  if (codings.length && codings.every((coding) => coding in CODINGS)) {
    for (const coding of codings.reverse()) body = body.pipeThrough(new DecompressionStream(CODINGS[coding]));
    // The fields describe the compressed answer. A handler that passes it on would send wrong ones.
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  return new Response(body, { status, headers });
}

function finished(response, url, redirected) {
  Object.defineProperty(response, "url", { value: url.href.replace(/#.*$/, "") });
  Object.defineProperty(response, "redirected", { value: redirected });
  return response;
}

function failure(url, code) {
  const reason = typeof code === "string" ? code : `${code.tag ?? code}${code.val === undefined ? "" : ` (${JSON.stringify(code.val)})`}`;
  const advice = code.tag === "HTTP-request-denied" ? `; the operator grants it with --allow-outbound ${url.origin}` : "";
  return new TypeError(`fetch failed: ${url}: ${reason}${advice}`);
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 20;
const CODINGS = { gzip: "gzip", "x-gzip": "gzip", deflate: "deflate" };
/** Fields that wasi:http reserves for the connection. */
const FORBIDDEN = ["connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "transfer-encoding", "upgrade"];
