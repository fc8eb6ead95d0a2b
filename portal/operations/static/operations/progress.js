// Shows how far runs are, as long as they are under way and somebody looks. Without it the page is loaded anew by hand.
"use strict";
{
  const PAUSE = 1500;

  const part = (region, name) => region.querySelector(`[data-part="${name}"]`);

  // What did not change is left alone: a screen reader reads only what is new.
  const put = (region, html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    for (const name of ["state", "numbers", "away"]) {
      const shown = part(region, name), next = part(fresh, name);
      shown.className = next.className;
      if (shown.innerHTML !== next.innerHTML) shown.innerHTML = next.innerHTML;
    }
    return part(fresh, "numbers").hasAttribute("data-over");
  };

  const follow = (region) => {
    const refresh = async () => {
      if (!document.hidden) {
        try {
          const response = await fetch(region.dataset.progressUrl, { credentials: "same-origin" });
          if (response.redirected || response.status === 403) {
            part(region, "away").textContent = "You are logged out: load the page anew.";
            return;
          }
          if (!response.ok) throw new Error(response.status);
          if (put(region, await response.text())) {
            if (region.dataset.then === "reload") location.reload();
            return;
          }
        } catch {
          part(region, "away").textContent = "The site does not answer; this tries again.";
        }
      }
      setTimeout(refresh, PAUSE);
    };
    if (!part(region, "numbers").hasAttribute("data-over")) setTimeout(refresh, PAUSE);
  };

  document.querySelectorAll("[data-progress-url]").forEach(follow);
}
