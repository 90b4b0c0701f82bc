// A request handler for wasi:http, written like a service worker.

addEventListener("fetch", (event) => event.respondWith(handle(event.request)));

async function handle(request) {
  const { pathname } = new URL(request.url);
  if (["GET", "HEAD"].includes(request.method) && pathname === "/") {
    return answer(200, "text/html", "<!doctype html>\n<h1>Hello from {{name}}!</h1>\n");
  }
  return answer(404, "text/plain", `There is nothing at ${link(request, pathname)}\n`);
}

// The address of a path of this handler, for links and redirects: belljar removes what comes before it.
function link(request, path) {
  return (request.headers.get("belljar-mount") ?? "") + path;
}

function answer(status, type, text) {
  return new Response(text, { status, headers: { "Content-Type": `${type}; charset=utf-8` } });
}
