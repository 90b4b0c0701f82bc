// A request handler, written as for Cloudflare Workers, Deno or Bun. `export default app` of Hono and other routers works, too.

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (["GET", "HEAD"].includes(request.method) && pathname === "/") {
      return answer(200, "text/html", "<!doctype html>\n<h1>Hello from {{name}}!</h1>\n");
    }
    return answer(404, "text/plain", `There is nothing at ${link(request, pathname)}\n`);
  },
};

// The address of a path of this handler, for links and redirects: belljar removes what comes before it.
function link(request, path) {
  return (request.headers.get("belljar-mount") ?? "") + path;
}

function answer(status, type, text) {
  return new Response(text, { status, headers: { "Content-Type": `${type}; charset=utf-8` } });
}
