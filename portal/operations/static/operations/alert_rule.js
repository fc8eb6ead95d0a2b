// Shows the help of the chosen condition alone, its unit beside the numbers, and no numbers where it needs none.
"use strict";
{
  const choice = document.getElementById("id_condition");
  const helps = [...document.querySelectorAll("[data-condition]")];
  const rows = document.querySelectorAll(".form-row.field-threshold, .form-row.field-recover_at");

  const show = () => {
    const chosen = helps.find((help) => help.dataset.condition === choice.value);
    for (const help of helps) help.hidden = help !== chosen;
    for (const row of rows) row.hidden = chosen?.dataset.yesOrNo === "yes";
    for (const place of document.querySelectorAll("[data-alerts-unit]")) {
      place.textContent = chosen?.dataset.unit ? `In: ${chosen.dataset.unit}.` : "";
    }
  };

  if (choice) {
    choice.addEventListener("change", show);
    show();
  }
}
