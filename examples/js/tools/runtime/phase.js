// The build runs the script up to its end, and stores the engine in this state. What it reads then, every instance has.

let running = false;

/** Called when a request arrives. */
export function enterRunTime() {
  running = true;
}

/** Fails while the component is built. */
export function atRunTime(what) {
  if (running) return;
  throw new Error(`BELLJAR: ${what} is called while the component is built: all instances would share its result; call it while a request is answered`);
}

// A random number of the build would be the same in each instance, and a key made of it could be read in the component.
for (const [owner, name, what] of [
  [crypto, "getRandomValues", "crypto.getRandomValues"],
  [crypto, "randomUUID", "crypto.randomUUID"],
  [crypto.subtle, "generateKey", "crypto.subtle.generateKey"],
]) {
  const original = owner?.[name];
  if (!original) continue;
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value(...values) {
      atRunTime(what);
      return original.apply(owner, values);
    },
  });
}
