// Parts of the web platform that the engine lacks and that can be written in JavaScript. What cannot is in docs/handlers.md of
// belljar.

const define = (owner, name, value) => {
  if (!(name in owner)) Object.defineProperty(owner, name, { configurable: true, writable: true, value });
};

async function* chunks(stream, { preventCancel = false } = {}) {
  const reader = stream.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    ended = true;
  } finally {
    if (!ended && !preventCancel) await reader.cancel();
    reader.releaseLock();
  }
}

define(ReadableStream.prototype, "values", function (options) {
  return chunks(this, options);
});
define(ReadableStream.prototype, Symbol.asyncIterator, ReadableStream.prototype.values);
define(ReadableStream, "from", (source) => {
  const iterator = source[Symbol.asyncIterator]?.() ?? source[Symbol.iterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(await value);
    },
    cancel: (reason) => iterator.return?.(reason),
  });
});

/** A class with the two ends of a TransformStream. */
class Transformer {
  #stream;
  constructor(transformer) {
    this.#stream = new TransformStream(transformer);
  }
  get readable() {
    return this.#stream.readable;
  }
  get writable() {
    return this.#stream.writable;
  }
}

define(
  globalThis,
  "TextDecoderStream",
  class TextDecoderStream extends Transformer {
    constructor(label, options) {
      const decoder = new TextDecoder(label, options);
      const pass = (text, controller) => text && controller.enqueue(text);
      super({
        transform: (piece, controller) => void pass(decoder.decode(piece, { stream: true }), controller),
        flush: (controller) => void pass(decoder.decode(), controller),
      });
    }
  },
);
define(
  globalThis,
  "TextEncoderStream",
  class TextEncoderStream extends Transformer {
    constructor() {
      const encoder = new TextEncoder();
      super({ transform: (text, controller) => void controller.enqueue(encoder.encode(text)) });
    }
  },
);

for (const type of [Request, Response]) {
  define(type.prototype, "bytes", async function () {
    return new Uint8Array(await this.arrayBuffer());
  });
}

/** Makes a copy; both then read the same body. */
define(Response.prototype, "clone", function () {
  if (this.bodyUsed) throw new TypeError("the body of the response is used already");
  const { status, statusText, headers } = this;
  if (!this.body) return new Response(null, { status, statusText, headers });
  const [one, other] = this.body.tee();
  const original = new Response(one, { status, statusText, headers });
  for (const name of ["body", "bodyUsed"]) Object.defineProperty(this, name, { configurable: true, get: () => original[name] });
  for (const name of ["arrayBuffer", "blob", "bytes", "formData", "json", "text"]) this[name] = () => original[name]();
  return new Response(other, { status, statusText, headers });
});

define(URL, "canParse", (url, base) => {
  try {
    return Boolean(new URL(url, base));
  } catch {
    return false;
  }
});
define(URL, "parse", (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null));
define(globalThis, "reportError", (error) => console.error(error));
define(globalThis, "setImmediate", (callback, ...values) => setTimeout(callback, 0, ...values));
define(globalThis, "clearImmediate", (id) => clearTimeout(id));
define(globalThis, "navigator", { userAgent: "belljar" });
