// Shows how far runs are, as long as they are under way and somebody looks. Without it the page is loaded anew by hand.
"use strict";
{
  const PAUSE = 1500;

  const part = (region, name) => region.querySelector(`[data-part="${name}"]`);

  // What did not change is left alone: a screen reader reads only what is new.
  const put = (region, fresh) => {
    for (const name of ["state", "numbers", "away"]) {
      const shown = part(region, name), next = part(fresh, name);
      shown.className = next.className;
      if (shown.innerHTML !== next.innerHTML) shown.innerHTML = next.innerHTML;
    }
  };

  const isOver = (region) => part(region, "numbers").hasAttribute("data-over");
  const stateOf = (region) => part(region, "numbers").dataset.state;

  // What stands around it, such as what can be done now, is another then.
  const wantsReload = (region, fresh) =>
    region.dataset.reloadOn === "change" ? stateOf(fresh) !== stateOf(region) : region.dataset.reloadOn && isOver(fresh);

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
          const fresh = new DOMParser().parseFromString(await response.text(), "text/html").body;
          if (wantsReload(region, fresh)) {
            location.reload();
            return;
          }
          put(region, fresh);
          if (isOver(fresh)) return;
        } catch {
          part(region, "away").textContent = "The site does not answer; this tries again.";
        }
      }
      setTimeout(refresh, PAUSE);
    };
    if (!isOver(region)) setTimeout(refresh, PAUSE);
  };

  document.querySelectorAll("[data-progress-url]").forEach(follow);
}
