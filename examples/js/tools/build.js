#!/usr/bin/env node
// Builds the component of a handler: bundles the script, TypeScript or JavaScript, with its npm packages, and makes a component
// of it. The exports of the script decide about the contract: `handle` is belljar's own, everything else answers wasi:http.
//
//     node tools/build.js [SCRIPT] [--out FILE.wasm]

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { builtinModules, SourceMap } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

const TOOLS = dirname(fileURLToPath(import.meta.url));
const SCRIPTS = ["handler.ts", "handler.tsx", "handler.js", "handler.jsx", "handler.mjs", "src/index.ts", "src/index.tsx", "src/index.js"];

/** A mistake in the project. It is shown without the stack of this program. */
class Mistake extends Error {}

async function main() {
  const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
  const script = positionals[0] ?? SCRIPTS.find((path) => existsSync(path));
  if (!script) throw new Mistake(`there is no script: write one of ${SCRIPTS.join(", ")}, or name it: node tools/build.js SCRIPT`);
  if (!existsSync(script)) throw new Mistake(`cannot read ${script}: there is no such file`);
  const out = values.out ?? `${JSON.parse(await readFile("package.json", "utf8")).name}.wasm`;

  const names = await exportsOf(script);
  const isBelljar = names.includes("handle") && !names.includes("default");
  const { code, map, packages } = await bundled(script, isBelljar);
  for (const warning of gapsOf(code)) console.error(`warning: ${warning}`);
  const component = await componentOf(code, map, script, isBelljar);
  await writeFile(out, component);
  const size = (component.length / 1e6).toFixed(1);
  console.log(`${out}: ${size} MB, contract ${isBelljar ? "belljar" : "wasi-http"}${packages.length ? `, with ${packages.join(", ")}` : ""}`);
}

/** The names that the script exports. */
async function exportsOf(script) {
  const { metafile } = await bundle({ entryPoints: [resolve(script)] });
  return Object.values(metafile.outputs).find((output) => output.entryPoint).exports;
}

async function bundled(script, isBelljar) {
  const path = JSON.stringify(resolve(script));
  const runtime = (name) => JSON.stringify(join(TOOLS, "runtime", name));
  // The runtime comes first: the script sees its `fetch` and `addEventListener`.
  const contents = isBelljar
    ? `export * from ${path};`
    : `import ${runtime("web.js")};
       import ${runtime("form_data.js")};
       import ${runtime("fetch.js")};
       import { incomingHandlerOf } from ${runtime("serve.js")};
       import * as script from ${path};
       export const incomingHandler = incomingHandlerOf(script);`;
  const { outputFiles, metafile } = await bundle({ stdin: { contents, resolveDir: process.cwd(), sourcefile: "main.js" } });
  const packages = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  const text = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text;
  return { code: text(".js"), map: JSON.parse(text(".map")), packages: [...packages] };
}

async function bundle(options) {
  try {
    return await build({
      ...options,
      bundle: true,
      write: false,
      metafile: true,
      sourcemap: "external",
      outfile: "handler.js",
      format: "esm",
      target: "es2023",
      platform: "browser",
      conditions: ["workerd", "worker", "browser"],
      define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
      // The packages of a project whose scripts are elsewhere.
      nodePaths: [join(TOOLS, "../node_modules")],
      legalComments: "none",
      logLevel: "silent",
      plugins: [wasi, withoutNode],
    });
  } catch (error) {
    if (!error.errors) throw error;
    throw new Mistake(error.errors.map(textOf).join("\n"));
  }
}

/** `file:line: message` */
function textOf({ text, location }) {
  return location ? `${location.file}:${location.line}: ${text}` : text;
}

/** Interfaces of the world are imports of the component. */
const wasi = {
  name: "wasi",
  setup({ onResolve }) {
    onResolve({ filter: /^wasi:/ }, ({ path }) => ({ path, external: true }));
  },
};

/** Modules of Node.js exist only if an npm package of that name is installed, as for browsers. */
const withoutNode = {
  name: "without-node",
  setup(build) {
    build.onResolve({ filter: /./ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      if (pluginData === withoutNode) return;
      const name = path.replace(/^node:/, "");
      if (!path.startsWith("node:") && !builtinModules.includes(name)) return;
      // The slash at the end leads to the npm package, as browserify's documentation recommends.
      const found = await build.resolve(`${name}/`, { resolveDir, kind, pluginData: withoutNode });
      if (!found.errors.length) return found;
      const asked = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(importer)?.[1];
      const who = asked ? `the package ${asked} needs` : "the script needs";
      return {
        errors: [
          {
            text: `${who} the module ${path} of Node.js, which a component does not have; use a package for Cloudflare Workers or for browsers${
              POLYFILLS.includes(name) ? `, or install a substitute: npm install ${name}` : ""
            }`,
          },
        ],
      };
    });
  },
};

/** Modules of Node.js that exist as npm packages of the same name. */
const POLYFILLS = ["assert", "buffer", "events", "path", "punycode", "querystring", "string_decoder", "url", "util"];

/** What the engine lacks. docs/handlers.md of belljar has the same table. */
const GAPS = [
  ["WebSocket", /\bnew WebSocket(?:Pair)?\s*\(/, "WebSockets do not exist; send an event stream"],
  ["crypto.subtle", /\bsubtle\s*\.\s*(?:encrypt|decrypt|generateKey|deriveKey|deriveBits|wrapKey|unwrapKey)\b/, "only digest, sign, verify and importKey exist"],
  ["Intl", /\bnew Intl\s*\.|\bIntl\s*\.\s*[A-Z]\w+\s*\(/, "the engine has no locales"],
  ["URLPattern", /\bnew URLPattern\s*\(/, "install its polyfill from npm"],
  ["WebAssembly", /\bWebAssembly\s*\.\s*(?:instantiate|compile|Module|Instance)/, "the engine does not run WebAssembly"],
  ["threads", /\bnew (?:Worker|SharedWorker|SharedArrayBuffer)\s*\(/, "a component has one thread"],
  ["caches", /\bcaches\s*\.\s*(?:default|open|match)\b/, "the Cache API does not exist"],
  ["HTMLRewriter", /\bnew HTMLRewriter\s*\(/, "it exists on Cloudflare only"],
];

function gapsOf(code) {
  return GAPS.filter(([, pattern]) => pattern.test(code)).map(([name, , reason]) => `the script uses ${name}: ${reason}`);
}

async function componentOf(code, map, script, isBelljar) {
  const folder = await mkdtemp(join(tmpdir(), "belljar-build-"));
  try {
    const sourcePath = join(folder, "handler.js");
    await writeFile(sourcePath, code);
    const { component } = await componentize({
      sourcePath,
      witPath: join(TOOLS, "wit", isBelljar ? "belljar" : "wasi-http"),
      worldName: "handler",
      // The runtime answers requests itself. Without `http` the world's own imports of wasi:http would be stubs.
      disableFeatures: isBelljar ? ["http", "fetch-event"] : ["fetch-event"],
    });
    return component;
  } catch (error) {
    const text = placesOf(error.message ?? String(error), map);
    const name = relative(process.cwd(), resolve(script));
    const own = /BELLJAR: (.*)/.exec(text);
    if (!own) throw new Mistake(`${name}: the script fails while it is loaded:\n${text}`);
    // The innermost place outside of the runtime is the one to change.
    const place = [...text.matchAll(/@(\S+:\d+)$/gm)].map(([, place]) => place).find((place) => !/tools\/runtime\/|^main\.js:/.test(place));
    throw new Mistake(`${place ?? name}: ${own[1]}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The text of an error with places in the project instead of those in the bundle. */
function placesOf(text, map) {
  const places = new SourceMap(map);
  return text.replace(/\bhandler\.js:(\d+):(\d+)/g, (place, line, column) => {
    const { originalSource, originalLine } = places.findEntry(line - 1, column - 1);
    return originalSource ? `${originalSource}:${originalLine + 1}` : place;
  });
}

main().catch((error) => {
  console.error(error instanceof Mistake ? `error: ${error.message}` : error);
  process.exit(1);
});
