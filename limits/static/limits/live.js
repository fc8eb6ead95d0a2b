// Shows the counters anew every few seconds, as long as somebody looks. Without it the page stands still.
"use strict";
{
  const PAUSE = 5000;
  const region = document.getElementById("live-counters");
  const button = document.getElementById("live-pause");
  const state = document.getElementById("live-state");
  let isPaused = false;

  const isRead = () => {
    const selection = getSelection();
    return !selection.isCollapsed && region.contains(selection.anchorNode);
  };

  const put = (html) => {
    const held = region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    region.innerHTML = html;
    if (held !== null) {
      const links = [...region.querySelectorAll("a")];
      (links.find((link) => link.getAttribute("href") === held) || region).focus({ preventScroll: true });
    }
  };

  const refresh = async () => {
    const began = performance.now();
    if (!isPaused && !document.hidden && !isRead()) {
      try {
        const response = await fetch(region.dataset.rowsUrl, { credentials: "same-origin" });
        if (response.redirected || response.status === 403) {
          state.textContent = "You are logged out: load the page anew.";
          return;
        }
        if (!response.ok) throw new Error(response.status);
        const html = await response.text();
        if (!isPaused) put(html);
        state.textContent = "";
      } catch {
        state.textContent = "The site does not answer; this tries again.";
      }
    }
    // A look through a million keys takes a while: the site is not to be busy with it.
    setTimeout(refresh, Math.max(PAUSE, 10 * (performance.now() - began)));
  };

  button.addEventListener("click", () => {
    isPaused = !isPaused;
    button.textContent = isPaused ? "Go on refreshing" : "Pause";
  });
  button.parentElement.hidden = false;
  setTimeout(refresh, PAUSE);
}
