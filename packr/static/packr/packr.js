/* What the pages do beyond plain HTML and htmx: times tick, Escape closes, news is said aloud. */
"use strict";

(() => {
  const MINUTE = 60, HOUR = 3600, DAY = 86400;

  function span(seconds) {
    if (seconds < MINUTE) return `${seconds} s`;
    const minutes = Math.floor(seconds / MINUTE);
    if (minutes < 60) return seconds % MINUTE ? `${minutes} min ${seconds % MINUTE} s` : `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
    return `${Math.floor(hours / 24)} days`;
  }

  function ago(seconds) {
    const size = Math.abs(seconds);
    if (size < MINUTE) return seconds >= 0 ? "just now" : "in a moment";
    const [unit, one, many] =
      size >= DAY ? [DAY, "day", "days"] : size >= HOUR ? [HOUR, "hour", "hours"] : [MINUTE, "min", "min"];
    const count = Math.floor(size / unit);
    const words = `${count} ${count === 1 ? one : many}`;
    return seconds >= 0 ? `${words} ago` : `in ${words}`;
  }

  function write(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function tick() {
    for (const node of document.querySelectorAll("time[data-relative], time[data-elapsed]")) {
      const seconds = Math.floor((Date.now() - new Date(node.dateTime)) / 1000);
      if ("elapsed" in node.dataset) write(node, span(Math.max(seconds, 0)));
      else if (Math.abs(seconds) < 30 * DAY) write(node, ago(seconds));
    }
  }

  let said = "";
  function say(root) {
    const news = [...root.querySelectorAll("[data-announce]")].map((node) => node.dataset.announce).join(". ");
    if (!news || news === said) return;
    said = news;
    document.getElementById("announce").textContent = news;
  }

  function problem(text) {
    document.getElementById("problem").textContent = text;
  }

  setInterval(tick, 1000);
  tick();

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const moment of document.querySelectorAll(".moment:hover, .moment:focus-within")) {
      moment.classList.add("dismissed");
    }
    for (const open of document.querySelectorAll("details[data-closes][open]")) {
      const held = open.contains(document.activeElement);
      open.open = false;
      if (held) open.querySelector("summary").focus();
    }
  });
  for (const kind of ["pointerout", "focusout"]) {
    document.addEventListener(kind, (event) => {
      event.target.closest?.(".moment.dismissed")?.classList.remove("dismissed");
    });
  }
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details[data-closes][open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });

  // What to expect of a sync of the chosen entity.
  document.addEventListener("change", (event) => {
    const note = document.querySelector(`[data-effort-of="${event.target.id}"]`);
    if (!note) return;
    note.textContent = event.target.selectedOptions[0].dataset.effort;
  });

  // Asking a WMS takes a while: say so, and send a form once. The page comes back as it was by the Back button.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button?.dataset.busy || event.defaultPrevented) return;
    button.dataset.idle = button.textContent;
    button.textContent = document.getElementById("announce").textContent = button.dataset.busy;
    setTimeout(() => (button.disabled = true));
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("[data-idle]")) {
      button.textContent = button.dataset.idle;
      button.disabled = false;
      delete button.dataset.idle;
    }
  });

  const window_ = document.getElementById("window");
  window_.addEventListener("close", () => {
    document.getElementById("window-body").replaceChildren();
  });

  // Nothing is asked for again while nobody looks, or while a question or a time is open in what would be replaced.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const asker = event.detail.elt;
    if (!(asker.getAttribute("hx-trigger") || "").startsWith("every")) return;
    const busy = asker.querySelector("details[open]") || asker.matches(":has(.when:focus, .moment:hover)");
    if (document.hidden || busy) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    problem("");
    tick();
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    // Not sooner: until now what was swapped in would lead to pages, however quick a hand sends it.
    if (event.detail.target.id === "window-body" && !window_.open) window_.showModal();
    say(document);
  });
  for (const kind of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.body.addEventListener(kind, () => {
      problem("Packr could not load this just now. What you see stays as it was; reload the page to try again.");
    });
  }
})();
