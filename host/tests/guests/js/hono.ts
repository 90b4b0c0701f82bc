// An application with Hono, in TypeScript, for the tests of JavaScript as people write it.

import { Hono } from "hono";
import { cors } from "hono/cors";
import { streamSSE } from "hono/streaming";

const app = new Hono<{ Bindings: { GREETING?: string } }>();

app.use("/api/*", cors());
app.get("/", (c) => c.text(`Hello ${c.env.GREETING ?? "nobody"}`));
app.get("/host", (c) => c.text(`${c.req.header("host")} ${c.req.url}`));
app.get("/api/users/:id", (c) => c.json({ id: c.req.param("id") }));

// Each gives back the bytes of the file that it got.
app.post("/form", async (c) => {
  const form = await c.req.formData();
  const file = form.get("file") as File;
  c.header("X-File", JSON.stringify([encodeURI(file.name), file.type, file.size, encodeURI(form.get("note") as string)]));
  return c.body(await file.arrayBuffer());
});
app.post("/parse-body", async (c) => c.body(((await c.req.parseBody())["file"] as File).stream()));
app.post("/form-again", async (c) => {
  const form = await new Response(await c.req.formData()).formData();
  return c.body(await (form.get("file") as File).arrayBuffer());
});

app.post("/length", async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));
app.post("/sum", async (c) => {
  let sum = 0;
  for await (const piece of c.req.raw.body as unknown as AsyncIterable<Uint8Array>) for (const byte of piece) sum += byte;
  return c.text(String(sum));
});
app.post("/echo", (c) => new Response(c.req.raw.body));

app.get("/fetch", async (c) => {
  try {
    const response = await fetch(c.req.query("url")!);
    return c.json([response.status, response.redirected, new URL(response.url).pathname, await response.text()]);
  } catch (error) {
    return c.text(String(error), 502);
  }
});
app.get("/pass-on", (c) => fetch(c.req.query("url")!));
app.get("/post", async (c) => fetch(c.req.query("url")!, { method: "POST", body: JSON.stringify({ a: 1 }), headers: { "X-A": "b" } }));
app.get("/together", async (c) => {
  const answers = await Promise.all([1, 2, 3].map(() => fetch(c.req.query("url")!).then((answer) => answer.text())));
  return c.json(answers);
});

app.get("/events", (c) =>
  streamSSE(c, async (stream) => {
    for (let number = 0; number < 3; number++) {
      await stream.writeSSE({ data: String(number) });
      await stream.sleep(1);
    }
  }),
);
app.get("/timers", async (c) => {
  const order: string[] = [];
  const wait = (name: string, delay: number) => new Promise<void>((resolve) => setTimeout(() => (order.push(name), resolve()), delay));
  const stopped = setTimeout(() => order.push("stopped"), 1);
  clearTimeout(stopped);
  await Promise.all([wait("late", 20), wait("early", 1)]);
  return c.json(order);
});
app.get("/web", async (c) => {
  const response = new Response("grüße");
  let text = "";
  for await (const part of response.clone().body!.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) text += part;
  const aborted = AbortSignal.abort().reason.name;
  return c.json([text, await response.text(), [...(await new Response("ab").bytes())], aborted, typeof crypto.randomUUID()]);
});
app.get("/cookies", () => {
  const headers = new Headers();
  headers.append("Set-Cookie", "a=1");
  headers.append("Set-Cookie", "b=2");
  return new Response("", { headers });
});
app.get("/later", (c) => {
  c.executionCtx.waitUntil(new Promise((resolve) => setTimeout(() => resolve(console.log("done after the response")), 1)));
  return c.text("now");
});
app.get("/throw", () => {
  throw new Error("on purpose");
});

export default app;
