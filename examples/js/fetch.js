// A handler like a browser's service worker: each `fetch` event has a Request, and the handler answers it with a Response. The
// component runs on every host that supports wasi:http 0.2.

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url);
  switch (pathname) {
    case "/":
      return new Response("Hello from a fetch event\n");
    case "/json":
      return Response.json({ method: request.method, query: Object.fromEntries(searchParams), type: request.headers.get("content-type") });
    case "/echo":
      // Passes the body on piece by piece, as it arrives.
      return new Response(request.body, { headers: { "Content-Type": request.headers.get("content-type") ?? "text/plain" } });
    case "/reverse":
      return new Response([...(await request.text())].reverse().join(""));
    case "/stream":
      return new Response(pieces(3), { headers: { "Content-Type": "text/plain; charset=utf-8" } });
    default:
      return new Response("There is no such page.\n", { status: 404 });
  }
}

/** Sends pieces of text, each after a pause. */
function pieces(count) {
  let number = 0;
  return new ReadableStream({
    async pull(controller) {
      if (number === count) return controller.close();
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.enqueue(new TextEncoder().encode(`piece ${number++}\n`));
    },
  });
}
