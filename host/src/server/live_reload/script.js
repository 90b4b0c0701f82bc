// Of `belljar dev`: loads the page again when what it shows has changed, and shows why a build failed.
(() => {
  const script = document.currentScript;
  const page = new URL(script.src).search.slice(1);
  // An error page of the server shows the problem itself.
  const isErrorPage = document.documentElement.hasAttribute("data-belljar-error");
  const KEY = "belljar-reloaded";
  let shown, box, source, leaving;

  function show({ title, text }) {
    box?.remove();
    box = undefined;
    if (!title) return;
    box = document.createElement("belljar-problem");
    box.setAttribute("role", "alert");
    // Set by script, the style needs no leave of the page's Content-Security-Policy.
    box.style.cssText =
      "all:initial;position:fixed;inset:0;z-index:2147483647;overflow:auto;padding:2rem;" +
      "background:#1b1b1ff2;color:#f4f4f4;font:16px/1.5 system-ui,sans-serif";
    const heading = document.createElement("strong");
    heading.textContent = title;
    heading.style.cssText = "display:block;font-size:1.4rem;color:#ff8080";
    const message = document.createElement("pre");
    message.textContent = text;
    message.style.cssText = "white-space:pre-wrap;font:14px/1.5 ui-monospace,monospace";
    const note = document.createElement("small");
    note.textContent = "The last good build keeps serving. This message goes away once the build is good again.";
    box.append(heading, message, note);
    document.documentElement.append(box);
  }

  // Once for each reason: a cache that this script does not know may return the same page again and again.
  function reload(reason) {
    try {
      if (sessionStorage.getItem(KEY) === reason) return;
      sessionStorage.setItem(KEY, reason);
      leaving = reason;
    } catch {
      // The page may not store anything.
    }
    source.close();
    location.reload();
  }

  function connect() {
    source = new EventSource("/.belljar/events");
    source.onmessage = (event) => {
      const state = JSON.parse(event.data);
      const problem = JSON.stringify([state.title, state.text]);
      if (state.page !== page || (isErrorPage && shown !== undefined && shown !== problem)) {
        return reload(state.page + problem);
      }
      if (!isErrorPage && shown !== problem) show(state);
      shown = problem;
    };
    // The browser connects again by itself, unless the server answered with an error.
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
    };
  }

  addEventListener("pagehide", () => {
    source.close();
    try {
      // If this page is shown again, it may have to be loaded again.
      if (sessionStorage.getItem(KEY) !== leaving) sessionStorage.removeItem(KEY);
    } catch {
      // As above.
    }
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
  connect();
})();
