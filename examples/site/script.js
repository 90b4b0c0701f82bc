// Shows what the browser asked for to build this page, and lets the visitor ask belljar for more.

const byId = (id) => document.getElementById(id);

document.documentElement.dataset.script = "ran";
byId("greeting").textContent = "This line was written by script.js, which your browser asked for too.";

/** One line of the table: a request that this page made, as the browser's own records tell it. */
function row(entry) {
  const url = new URL(entry.name);
  const packed = entry.encodedBodySize < entry.decodedBodySize;
  const cells = [
    [url.pathname, ""],
    [entry.responseStatus || "", "answer"],
    [entry.encodedBodySize.toLocaleString(), "number"],
    [packed ? entry.decodedBodySize.toLocaleString() : "", "number"],
  ];
  const line = document.createElement("tr");
  for (const [text, kind] of cells) {
    const cell = line.insertCell();
    cell.textContent = text;
    cell.className = kind;
  }
  return line;
}

function showRequests() {
  const entries = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
  byId("requests").replaceChildren(...entries.filter((entry) => entry.initiatorType !== "fetch").map(row));
}

/** The experiments behind the buttons: each says how to ask, given the ETag of the picture. */
const experiments = {
  head: () => ({ method: "HEAD" }),
  range: () => ({ headers: { Range: "bytes=0-15" } }),
  past: () => ({ headers: { Range: "bytes=99999999-" } }),
  again: (etag) => ({ headers: { "If-None-Match": etag } }),
};

const shown = ["Content-Type", "Content-Length", "Content-Range", "ETag", "Last-Modified", "Cache-Control"];

async function ask(name) {
  const picture = new URL("jars.jpg", document.baseURI);
  const known = await fetch(picture, { method: "HEAD" });
  const options = experiments[name](known.headers.get("ETag") ?? "");
  const response = await fetch(picture, { ...options, cache: "no-store" });
  const asked = Object.entries(options.headers ?? {}).map(([field, value]) => `${field}: ${value}`);
  const fields = shown
    .filter((field) => response.headers.has(field))
    .map((field) => `${field}: ${response.headers.get(field)}`);
  const bytes = (await response.arrayBuffer()).byteLength;
  return [
    `> ${options.method ?? "GET"} ${picture.pathname}`,
    ...asked.map((line) => `> ${line}`),
    "",
    `< ${response.status} ${response.statusText}`,
    ...fields.map((line) => `< ${line}`),
    "",
    `${bytes.toLocaleString()} bytes of content`,
  ].join("\n");
}

for (const button of document.querySelectorAll("button[data-ask]")) {
  button.addEventListener("click", async () => {
    const answer = byId("answer");
    try {
      answer.textContent = await ask(button.dataset.ask);
    } catch (error) {
      answer.textContent = `No answer: ${error.message}`;
    }
  });
}

addEventListener("load", () => setTimeout(showRequests));
