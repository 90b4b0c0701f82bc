// `formData()` of requests and responses (RFC 7578). The engine's own writes files as decimal numbers.

const decoder = new TextDecoder();
const encoder = new TextEncoder();

for (const type of [Request, Response]) {
  Object.defineProperty(type.prototype, "formData", { configurable: true, writable: true, value: formData });
}

async function formData() {
  const type = this.headers.get("content-type") ?? "";
  const [essence] = type.toLowerCase().split(";");
  if (essence.trim() === "multipart/form-data") {
    const boundary = parameter(type, "boundary");
    if (!boundary) throw new TypeError("the field Content-Type of the form has no boundary");
    return parse(new Uint8Array(await this.arrayBuffer()), boundary);
  }
  if (essence.trim() === "application/x-www-form-urlencoded") {
    const form = new FormData();
    for (const [name, value] of new URLSearchParams(await this.text())) form.append(name, value);
    return form;
  }
  throw new TypeError(`a body of type ${type || "that is not given"} is not a form`);
}

function parse(bytes, boundary) {
  const form = new FormData();
  const delimiter = encoder.encode(`\r\n--${boundary}`);
  // The first delimiter may lack its line break.
  let at = startsWith(bytes, 0, delimiter.subarray(2)) ? delimiter.length - 2 : after(bytes, 0, delimiter);
  while (at !== -1) {
    if (startsWith(bytes, at, DASHES)) return form;
    const head = after(bytes, at, LINE);
    const content = head === -1 ? -1 : after(bytes, head - LINE.length, EMPTY_LINE);
    const next = content === -1 ? -1 : after(bytes, content - LINE.length, delimiter);
    if (next === -1) break;
    const end = Math.max(content, next - delimiter.length);
    append(form, decoder.decode(bytes.subarray(head, content - EMPTY_LINE.length)), bytes.subarray(content, end));
    at = next;
  }
  throw new TypeError("the form is malformed or incomplete");
}

function append(form, head, content) {
  const fields = new Map();
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon !== -1) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = fields.get("content-disposition") ?? "";
  const name = parameter(disposition, "name");
  if (name === undefined) throw new TypeError("a part of the form has no name");
  const file = parameter(disposition, "filename");
  if (file === undefined) form.append(unescaped(name), decoder.decode(content));
  else form.append(unescaped(name), new File([content], unescaped(file), { type: fields.get("content-type") ?? "application/octet-stream" }));
}

/** The value of a parameter, without its quotes. Browsers write `"` as %22, and put no backslash before it. */
function parameter(field, name) {
  const found = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]*))`, "i").exec(field);
  return found ? (found[1] ?? found[2]) : undefined;
}

const unescaped = (name) => name.replace(/%22|%0D|%0A/gi, (code) => String.fromCharCode(parseInt(code.slice(1), 16)));

/** The place after the next occurrence of a pattern; -1 if there is none. */
function after(bytes, from, pattern) {
  for (let at = from; (at = bytes.indexOf(pattern[0], at)) !== -1; at++) {
    if (startsWith(bytes, at, pattern)) return at + pattern.length;
  }
  return -1;
}

function startsWith(bytes, at, pattern) {
  for (let index = 0; index < pattern.length; index++) {
    if (bytes[at + index] !== pattern[index]) return false;
  }
  return true;
}

const DASHES = encoder.encode("--");
const LINE = encoder.encode("\r\n");
const EMPTY_LINE = encoder.encode("\r\n\r\n");
