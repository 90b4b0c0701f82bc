// A request handler. `tools/wit/belljar/handler.wit` describes requests and responses.

export function handle(request) {
  if (["GET", "HEAD"].includes(request.method) && request.path === "/") {
    return answer(200, "text/html", "<!doctype html>\n<h1>Hello from {{name}}!</h1>\n");
  }
  return answer(404, "text/plain", `There is nothing at ${link(request, request.path)}\n`);
}

// The address of a path of this handler, for links and redirects: the server removes what comes before it.
function link(request, path) {
  const mount = request.headers.find(([name]) => name === "belljar-mount");
  return (mount ? new TextDecoder().decode(mount[1]) : "") + path;
}

function answer(status, type, text) {
  const bytes = (text) => new TextEncoder().encode(text);
  return {
    status,
    headers: [["Content-Type", bytes(`${type}; charset=utf-8`)]],
    body: { tag: "bytes", val: bytes(text) },
  };
}
