// Shows the dashboard anew every few seconds, as long as somebody looks. Without it the page stands still.
"use strict";
{
  const PAUSE = 12000;
  const region = document.getElementById("dashboard");

  const parts = (root) => new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
  const shape = (root) => [...parts(root).keys()].join(" ");

  const isRead = (part) => {
    const selection = getSelection();
    return !selection.isCollapsed && part.contains(selection.anchorNode);
  };

  // What somebody opened, scrolled and stands on, found again by its id or where it leads.
  const held = (root) => {
    const active = root.contains(document.activeElement) ? document.activeElement : null;
    return {
      open: [...root.querySelectorAll("details[open]")].map((details) => details.id),
      scrolled: [...root.querySelectorAll(".dash-scroll")].map((box) => [box.id, box.scrollTop]),
      focus: active && {
        id: active.id, href: active.getAttribute("href"), details: active.closest("summary")?.parentElement.id,
      },
    };
  };

  const give = ({ open, scrolled, focus }) => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    for (const [id, top] of scrolled) {
      const box = document.getElementById(id);
      if (box) box.scrollTop = top;
    }
    if (!focus) return;
    const link = focus.href && [...region.querySelectorAll("a")].find((each) => each.getAttribute("href") === focus.href);
    const summary = focus.details && document.getElementById(focus.details)?.querySelector("summary");
    const found = summary || link || (focus.id && document.getElementById(focus.id)) || region;
    found.focus({ preventScroll: true });
  };

  const replace = (shown, fresh) => {
    const kept = held(shown);
    shown.replaceWith(fresh);
    give(kept);
  };

  // What did not change is left alone, and what is being read stays until it is read.
  const put = (fresh) => {
    if (shape(fresh) !== shape(region)) {
      if (isRead(region)) return;
      const kept = held(region);
      region.replaceChildren(...fresh.childNodes);
      give(kept);
      return;
    }
    const next = parts(fresh);
    for (const [name, part] of parts(region)) {
      const copy = part.cloneNode(true);
      copy.querySelectorAll("details[open]").forEach((details) => details.removeAttribute("open"));
      if (copy.outerHTML !== next.get(name).outerHTML && !isRead(part)) replace(part, next.get(name));
    }
  };

  const verdict = () => region.querySelector(".dash-first strong")?.textContent ?? "";

  const live = (pause, state, said) => {
    let isPaused = false;
    let timer;

    const tell = (words) => {
      if (state.textContent !== words) state.textContent = words;
    };

    const refreshIn = (milliseconds) => {
      clearTimeout(timer);
      timer = setTimeout(refresh, milliseconds);
    };

    const refresh = async () => {
      const began = performance.now();
      if (!isPaused && !document.hidden) {
        try {
          const response = await fetch(region.dataset.url, { credentials: "same-origin" });
          if (response.redirected || response.status === 403) {
            tell("You are logged out: load the page anew.");
            return;
          }
          if (!response.ok) throw new Error(response.status);
          const fresh = new DOMParser().parseFromString(await response.text(), "text/html").body;
          const before = verdict();
          if (!isPaused) put(fresh);
          // Read out when it changes; figures always do.
          if (verdict() !== before) said.textContent = verdict();
          tell("");
        } catch {
          tell("The site does not answer, so this is old; it tries again.");
        }
      }
      // The site is not to be busy with it.
      refreshIn(Math.max(PAUSE, 10 * (performance.now() - began)));
    };

    pause.addEventListener("click", () => {
      isPaused = !isPaused;
      pause.textContent = isPaused ? "Go on refreshing" : "Pause";
      if (!isPaused) refreshIn(0);
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !isPaused) refreshIn(0);
    });
    refreshIn(PAUSE);
  };

  if (region) {
    document.getElementById("dash-live").hidden = false;
    live(document.getElementById("dash-pause"), document.getElementById("dash-state"), document.getElementById("dash-said"));
  }
}
