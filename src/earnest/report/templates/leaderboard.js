"use strict";
(() => {
  const valued = (cell) => {
    const text = cell.dataset.v ?? "";
    return text === "" ? null : Number.isNaN(Number(text)) ? text : Number(text);
  };
  const compare = (a, b) => typeof a === "string" || typeof b === "string" ? String(a).localeCompare(String(b)) : a - b;

  for (const table of document.querySelectorAll("table.sortable")) {
    const buttons = [...table.querySelectorAll("thead button")];
    const body = table.tBodies[0];
    const place = (button) => [...button.closest("tr").children].indexOf(button.closest("th"));

    const sort = (button, up) => {
      const column = place(button);
      const size = (value) => button.dataset.size && typeof value === "number" ? Math.abs(value) : value;
      const rows = [...body.rows].map((row) => [size(valued(row.cells[column])), row]);
      rows.sort(([a], [b]) => a === null ? (b === null ? 0 : 1) : b === null ? -1 : up ? compare(a, b) : compare(b, a));
      body.append(...rows.map(([, row]) => row));
      for (const other of buttons) other.closest("th").setAttribute("aria-sort", "none");
      button.closest("th").setAttribute("aria-sort", up ? "ascending" : "descending");
    };
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const now = button.closest("th").getAttribute("aria-sort");
        sort(button, now === "none" ? button.dataset.first === "up" : now !== "ascending");
      });
    }
    if (!table.classList.contains("board")) continue;
    const label = document.createElement("label");
    const select = document.createElement("select");
    label.className = "sortby";
    label.append("Sort by ", select);
    for (const button of buttons) {
      const option = document.createElement("option");
      option.textContent = button.textContent;
      select.append(option);
    }
    select.addEventListener("change", () => {
      const button = buttons[select.selectedIndex];
      sort(button, button.dataset.first === "up");
    });
    table.closest(".boardbox").before(label);
  }
})();
