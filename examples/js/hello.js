// A handler for belljar's own contract: `handle` of wit/handler.wit. An `option` without a value is undefined, bytes are a
// Uint8Array, a variant is an object with `tag` and `val`, and names are in camel case.

const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder().decode(bytes);

export function handle(request) {
  const { pathname, searchParams } = new URL(request.path + (request.query ? `?${request.query}` : ""), "http://localhost");
  switch (pathname) {
    case "/":
      return html(`<h1>Hello from JavaScript</h1><p>Your browser: ${escape(header(request, "user-agent") ?? "unknown")}</p>`);
    case "/hello":
      return text(`Hello ${searchParams.get("name") ?? "you"}!\n`);
    case "/echo":
      return {
        status: 200,
        headers: [["Content-Type", encode(header(request, "content-type") ?? "application/octet-stream")]],
        body: { tag: "bytes", val: content(request) },
      };
    default:
      return text("There is no such page.\n", 404);
  }
}

/** Reads the whole body of the request. If the client disconnects, the host ignores the handler's response. */
function content(request) {
  const pieces = [];
  for (;;) {
    try {
      pieces.push(request.body?.blockingRead(65536n) ?? new Uint8Array());
    } catch (error) {
      if (error.payload?.tag !== "closed") throw error;
      break;
    }
    if (!request.body) break;
  }
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

function header(request, name) {
  const found = request.headers.find(([known]) => known === name);
  return found && decode(found[1]);
}

const escape = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const html = (content) => page("text/html; charset=utf-8", `<!doctype html>\n<title>Hello</title>\n${content}\n`, 200);
const text = (content, status = 200) => page("text/plain; charset=utf-8", content, status);
const page = (type, content, status) => ({
  status,
  headers: [["Content-Type", encode(type)]],
  body: { tag: "bytes", val: encode(content) },
});
