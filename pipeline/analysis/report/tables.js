/* Tables that answer: a cell leads to the trials behind it by a click, a tap or Enter (trials.js has the panel). A table is
   one stop of the keyboard, as the grid pattern of WAI-ARIA has it; within it the arrow keys move from cell to cell.
   Without it there are the same tables. */
(() => {
  const HINT = "Choose a number to see the trials behind it: click or tap it; or press Tab until its table is reached, the arrow keys to get to it, and Enter.";

  class Grid {
    constructor(table, frame) {
      this.table = table;
      this.title = frame.getAttribute("aria-label");
      this.at = table.querySelector("td[data-arms]");
      this.at.tabIndex = 0;
      frame.removeAttribute("tabindex"); // the cells scroll it
      const said = { role: "grid", "aria-label": this.title, "aria-readonly": "true", "aria-describedby": "trials-hint" };
      for (const [key, value] of Object.entries(said)) table.setAttribute(key, value);
      for (const cell of table.querySelectorAll("td[data-arms]")) cell.setAttribute("aria-haspopup", "dialog");
      table.addEventListener("click", (event) => {
        const cell = event.target.closest("td[data-arms]");
        if (!cell || String(getSelection())) return; // whoever has marked a number wants to copy it
        this.move(cell);
        this.show(cell);
      });
      table.addEventListener("keydown", (event) => this.key(event));
    }

    move(cell) {
      this.at.tabIndex = -1;
      this.at = cell;
      cell.tabIndex = 0;
      cell.focus({ preventScroll: true });
      cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    }

    key(event) {
      if (event.altKey || event.metaKey) return;
      const rows = [...this.table.rows], row = this.at.parentNode, y = rows.indexOf(row), x = this.at.cellIndex;
      const whole = event.ctrlKey, end = row.cells.length - 1;
      const goes = {
        ArrowLeft: [y, x - 1], ArrowRight: [y, x + 1], ArrowUp: [y - 1, x], ArrowDown: [y + 1, x],
        Home: [whole ? 0 : y, 0], End: [whole ? rows.length - 1 : y, end],
      };
      const opens = event.key === "Enter" || event.key === " ";
      if (!opens && !(event.key in goes)) return;
      event.preventDefault();
      if (opens) return this.show(this.at);
      const [down, across] = goes[event.key];
      const cell = rows[down]?.cells[across];
      if (cell) this.move(cell);
    }

    show(cell) {
      if (!trialsBehind.leads(cell.dataset)) return;
      const head = this.table.tHead.rows[0].cells[cell.cellIndex], row = cell.parentNode.cells[0];
      const place = [row, head].map((each) => each.textContent.trim()).join(", ");
      trialsBehind.show(cell.dataset, `${this.title}: ${place}: ${cell.textContent.trim()}`);
    }
  }

  const tables = [...document.querySelectorAll("main .scroll > table")].filter((table) => table.querySelector("td[data-arms]"));
  if (!tables.length || !trialsBehind.leads({ arms: "" })) return;
  const hint = document.createElement("p");
  hint.id = "trials-hint";
  hint.className = "note";
  hint.textContent = HINT;
  document.querySelector(".answer").after(hint);
  for (const table of tables) new Grid(table, table.parentNode);
})();
