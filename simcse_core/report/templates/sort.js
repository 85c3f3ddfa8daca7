"use strict";
// Heads of tables become buttons that sort; without a script the tables are as they were written.
for (const table of document.querySelectorAll("main table")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) continue;
  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = Array.from(body.rows);
      rows.sort((a, b) => compare(a.cells[column], b.cells[column], up ? 1 : -1));
      body.append(...rows);
    });
  });
}
// Numbers by value, before their interval or unit; what is empty comes last either way.
function compare(a, b, sign) {
  const [x, y] = [a, b].map((cell) => cell.textContent.trim());
  if (!x || !y) return Number(!x) - Number(!y);
  const [n, m] = [x, y].map((text) => parseFloat(text.replace(/,(?=\d{3})/g, "").replace("−", "-")));
  const numbers = !Number.isNaN(n) && !Number.isNaN(m);
  return sign * (numbers ? n - m : x.localeCompare(y, document.documentElement.lang));
}
