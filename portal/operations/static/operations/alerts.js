// Shows the alerts anew every ten seconds, as long as somebody looks. Without it the page stands still.
"use strict";
{
  const PAUSE = 10000;
  const region = document.getElementById("alerts-live");
  const controls = document.getElementById("alerts-refresh");
  const away = document.getElementById("alerts-away");
  const button = controls.querySelector("button");
  let isPaused = false;

  const isRead = () => {
    const selection = getSelection();
    return !selection.isCollapsed && region.contains(selection.anchorNode);
  };

  const words = (part) => part.textContent.replace(/\s+/g, " ").trim();

  // What says the same is left alone: a screen reader keeps its place, and reads only what is new.
  const put = (shown, next) => {
    if (words(shown) === words(next)) return;
    const held = shown.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...shown.querySelectorAll("details[open]")].map((details) => details.id);
    shown.replaceWith(next);
    for (const details of next.querySelectorAll("details")) details.open = details.open || open.includes(details.id);
    if (held) (document.getElementById(held) || region).focus({ preventScroll: true });
  };

  // The region that is read out must stay the same one.
  const say = (shown, next) => {
    if (words(shown) !== words(next)) shown.innerHTML = next.innerHTML;
  };

  const refresh = async () => {
    if (!isPaused && !document.hidden && !isRead()) {
      try {
        const response = await fetch(region.dataset.rowsUrl, { credentials: "same-origin" });
        if (response.redirected || response.status === 403) {
          away.textContent = "You are logged out: load the page anew.";
          return;
        }
        if (!response.ok) throw new Error(response.status);
        const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
        if (!isPaused) {
          for (const next of fresh.querySelectorAll("[data-part]")) {
            const shown = region.querySelector(`[data-part="${next.dataset.part}"]`);
            (next.hasAttribute("role") ? say : put)(shown, next);
          }
        }
        away.textContent = "";
      } catch {
        away.textContent = "The site does not answer; this tries again.";
      }
    }
    setTimeout(refresh, PAUSE);
  };

  button.addEventListener("click", () => {
    isPaused = !isPaused;
    button.textContent = isPaused ? "Go on refreshing" : "Pause";
  });
  controls.hidden = false;
  setTimeout(refresh, PAUSE);
}
