// Samples keys without loading the page anew, and tells that it is at it. Without it the forms do the same, page by page.
"use strict";
{
  const region = document.querySelector("[data-keys-url]");
  const part = (name) => region.querySelector(`[data-part="${name}"]`);

  const requested = (form) => {
    const fields = new FormData(form);
    const options = { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } };
    return form.method === "post"
      ? fetch(region.dataset.keysUrl, { ...options, method: "POST", body: fields })
      : fetch(`${region.dataset.keysUrl}?${new URLSearchParams(fields)}`, options);
  };

  // What the choice of databases offers is known to the page alone.
  const put = (html) => {
    const options = part("sample").querySelector("select").innerHTML, chosen = part("sample").querySelector("select").value;
    part("sample").innerHTML = new DOMParser().parseFromString(html, "text/html").body.innerHTML;
    const select = part("sample").querySelector("select");
    select.innerHTML = options;
    select.value = chosen;
    part("words")?.focus();
  };

  const sample = async (form) => {
    region.setAttribute("aria-busy", "true");
    part("progress").textContent = "Looking at keys: this takes a second…";
    try {
      const response = await requested(form);
      if (response.redirected || response.status === 403) {
        part("progress").textContent = "You are logged out: load the page anew.";
        return;
      }
      if (!response.ok) throw new Error(response.status);
      put(await response.text());
      part("progress").textContent = "";
    } catch {
      part("progress").textContent = "The site did not answer. Nothing was changed: try again.";
    } finally {
      region.removeAttribute("aria-busy");
    }
  };

  region?.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-sampling]")) return;
    event.preventDefault();
    if (region.getAttribute("aria-busy") !== "true") sample(event.target);
  });
}
