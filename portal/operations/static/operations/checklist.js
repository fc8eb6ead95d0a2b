// Checks subject by subject, and shows each as soon as it is known. Without it one long request does all of it.
"use strict";
{
  const COPIED_MS = 2000;

  const form = document.querySelector("[data-part-url]");
  const part = (region, name) => region.querySelector(`[data-part="${name}"]`);
  const summary = document.querySelector('[data-part="summary"]');

  const addCopying = (region) => {
    if (!navigator.clipboard) return;
    for (const mend of region.querySelectorAll(".checklist-mend")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button checklist-copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        const commands = [...mend.querySelectorAll("code")].map((code) => code.textContent);
        await navigator.clipboard.writeText(commands.join("\n"));
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, COPIED_MS);
      });
      mend.append(button);
    }
  };

  const ask = async (section, run) => {
    const body = new FormData(form);
    body.set("subject", section.dataset.subject);
    body.set("run", run);
    const response = await fetch(form.dataset.partUrl, { method: "POST", body, credentials: "same-origin" });
    if (response.redirected || response.status === 403) throw new Error("You are logged out, or may not do this: load the page anew.");
    if (!response.ok) throw new Error("The site did not answer as it should. Try again.");
    return new DOMParser().parseFromString(await response.text(), "text/html").body.firstElementChild;
  };

  const check = async () => {
    const sections = [...document.querySelectorAll("[data-subject]")];
    const progress = part(form, "progress"), doing = part(form, "doing"), button = form.querySelector('[type="submit"]');
    let run = "";
    part(document, "when")?.remove();
    button.disabled = true;
    progress.hidden = false;
    progress.max = sections.length;
    progress.value = 0;
    for (const section of sections) {
      doing.textContent = `Looking at: ${section.dataset.subject.toLowerCase()}.`;
      section.setAttribute("aria-busy", "true");
      try {
        const fresh = await ask(section, run);
        run = fresh.dataset.run;
        part(section, "lines").replaceChildren(...fresh.childNodes);
        addCopying(section);
        summary.textContent = fresh.dataset.summary;
      } finally {
        section.removeAttribute("aria-busy");
      }
      progress.value += 1;
    }
    // What fails is listed at the head, and the run has its moment.
    location.reload();
  };

  addCopying(document);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await check();
    } catch (error) {
      part(form, "doing").textContent = error instanceof TypeError ? "The site does not answer. Try again." : error.message;
      part(form, "progress").hidden = true;
      form.querySelector('[type="submit"]').disabled = false;
    }
  });
}
