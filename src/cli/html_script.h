// SPDX-License-Identifier: BSD-3-Clause
//
// The report's script: sorting and filtering the table, tips on the charts. The page is complete
// without it. Text from files is only ever assigned as textContent.
#pragma once

namespace unweight::cli {

inline constexpr const char* kHtmlScript = R"js(
(() => {
  "use strict";
  const table = document.querySelector("table");
  if (table) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const headers = Array.from(table.tHead.rows[0].cells);
    const key = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const sort = (header, column) => {
      const numeric = !header.classList.contains("left");
      const first = numeric ? "descending" : "ascending";
      const second = numeric ? "ascending" : "descending";
      const order = header.getAttribute("aria-sort") === first ? second : first;
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const keys = new Map(rows.map((row) => [row, key(row, column)]));
      rows.sort((a, b) => {
        const x = keys.get(a), y = keys.get(b);
        if (!numeric) return sign * x.localeCompare(y, "en", {numeric: true});
        if (x === "" || y === "") return (x === "") - (y === "");
        return sign * (Number(x) - Number(y));
      });
      body.append(...rows);
    };
    headers.forEach((header, column) => {
      const button = header.querySelector("button");
      if (button) button.addEventListener("click", () => sort(header, column));
    });
    const search = document.getElementById("search");
    const count = document.getElementById("count");
    search.hidden = false;
    search.addEventListener("input", () => {
      const wanted = search.value.toLowerCase();
      let shown = 0;
      for (const row of rows) {
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
        shown += row.hidden ? 0 : 1;
      }
      count.textContent = wanted ? shown + " of " + rows.length : String(rows.length);
    });
  }
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const target = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    tip.hidden = !target;
    if (!target) return;
    tip.textContent = target.dataset.tip;
    const gap = 14;
    const x = Math.min(event.clientX + gap, innerWidth - tip.offsetWidth - gap);
    const below = event.clientY + gap + tip.offsetHeight < innerHeight;
    tip.style.left = Math.max(gap, x) + "px";
    tip.style.top = (below ? event.clientY + gap : event.clientY - gap - tip.offsetHeight) + "px";
  });
})();
)js";

}  // namespace unweight::cli
