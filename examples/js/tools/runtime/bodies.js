// Bodies over the streams of WASI, in both directions.

import { IncomingBody, OutgoingBody } from "wasi:http/types@0.2.10";

import { ready } from "./event_loop.js";

/** The most bytes of one read. */
const CHUNK = 65536n;

/**
 * The content of a request or a response. It is requested when it is first read: the host may have to send 100 Continue.
 * The engine's own streams keep a handle of the host for each piece. This one keeps one in all.
 */
export function incomingBody(message, done = () => {}) {
  let body, stream;
  const end = () => {
    stream?.[Symbol.dispose]();
    body?.[Symbol.dispose]();
    stream = body = undefined;
    done();
  };
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          stream ??= (body = message.consume()).stream();
          for (;;) {
            const piece = stream.read(CHUNK);
            if (piece.length) return controller.enqueue(piece);
            await ready(stream.subscribe());
          }
        } catch (error) {
          const reason = reasonOf(error);
          end();
          if (reason === undefined) controller.close();
          else controller.error(new TypeError(`the body is incomplete: ${reason}`));
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

/** Sends the content of a stream. Returns false if the other side no longer wants it. */
export async function sendBody(body, content) {
  const reader = content?.getReader();
  let stream;
  try {
    stream = body.write();
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) break;
      await sendPiece(stream, value);
    }
  } catch (error) {
    const reason = reasonOf(error);
    reader?.cancel(error).catch(() => {});
    if (reason === undefined) return false;
    throw typeof error?.payload === "undefined" ? error : new TypeError(`the body cannot be sent: ${reason}`);
  } finally {
    stream?.[Symbol.dispose]();
  }
  OutgoingBody.finish(body, undefined);
  return true;
}

async function sendPiece(stream, value) {
  if (!ArrayBuffer.isView(value)) throw new TypeError("a stream of a body must give Uint8Array objects; encode text with TextEncoder");
  const piece = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  for (let sent = 0; sent < piece.length; ) {
    const room = Number(stream.checkWrite());
    if (room === 0) {
      await ready(stream.subscribe());
      continue;
    }
    const end = Math.min(piece.length, sent + room);
    stream.write(piece.subarray(sent, end));
    sent = end;
  }
  stream.flush();
}

/** The reason of a stream's error; undefined for the end of the stream. */
function reasonOf(error) {
  if (error?.payload?.tag === "closed") return undefined;
  const details = error?.payload?.val;
  const reason = details?.toDebugString?.() ?? String(error);
  details?.[Symbol.dispose]?.();
  return reason;
}
