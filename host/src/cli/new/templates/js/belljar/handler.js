// A request handler. `wit/handler.wit` describes requests and responses.

export function handle(request) {
  if (["GET", "HEAD"].includes(request.method) && request.path === "/") {
    return text(200, "Hello from {{name}}!\n");
  }
  return text(404, `There is nothing at ${request.path}\n`);
}

function text(status, text) {
  const bytes = (text) => new TextEncoder().encode(text);
  return {
    status,
    headers: [["Content-Type", bytes("text/plain; charset=utf-8")]],
    body: { tag: "bytes", val: bytes(text) },
  };
}
