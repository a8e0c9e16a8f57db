"use strict";
/* The trials behind a number: a panel over the page with those rows of the table of all trials that a mark of a figure
   or a cell of a table is computed from. Escape closes it, and the focus returns to where it was.

   Whose they are is said by names, parted by "; " where they are several: data-arms, data-dataset, data-status; what is
   empty or absent asks nothing. The table inside [data-trials] has columns "trial", "arm", "data set" and "status". */
const trialsBehind = (() => {
  const list = document.querySelector("[data-trials] table");
  const parts = (text) => (text ? text.split("; ") : []);
  const make = (name, text = "", attributes = {}) => {
    const element = document.createElement(name);
    element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  /* Rows of the table of all trials, each with what is asked of it. A trial may serve several arms. */
  let known = null;
  function rows() {
    const heads = [...list.tHead.rows[0].cells].map((head) => head.textContent.trim());
    const [trial, ...asked] = ["trial", "arm", "data set", "status"].map((name) => heads.indexOf(name));
    known ??= [...list.tBodies[0].rows].map((row) => {
      const [arms, datasets, status] = asked.map((at) => parts(row.cells[at].textContent.trim()));
      return { row, id: row.cells[trial].textContent.trim(), arms, datasets, status };
    });
    return known;
  }

  const some = (wanted, had) => !wanted.length || had.some((name) => wanted.includes(name));

  function behind({ arms, dataset, status }) {
    const wanted = [parts(arms), parts(dataset), parts(status)];
    return rows().filter((each) => [each.arms, each.datasets, each.status].every((had, at) => some(wanted[at], had)));
  }

  const panel = make("dialog", "", { class: "trials-panel", "aria-labelledby": "trials-heading" });
  const heading = make("h2", "", { id: "trials-heading" });
  const told = make("p", "", { class: "note" });
  const frame = make("div", "", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "trials-heading" });
  const close = make("button", "Close", { type: "button" });
  close.addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => event.target === panel && panel.close()); // beside it
  panel.append(close, heading, told, frame);
  if (list) document.body.append(panel);

  const among = (names, noun) => (names.length > 3 ? `${names.length} ${noun}` : names.join(" and "));

  /* The first ``many`` rows now, the others when these have been drawn: there may be ten thousand. */
  function fill(body, found, many) {
    for (const { row, id } of found.slice(0, many)) {
      const copy = row.cloneNode(true);
      copy.append(make("td"));
      copy.lastChild.append(make("code", `dsn trial ${id}`));
      body.append(copy);
    }
    if (found.length > many) requestAnimationFrame(() => body.isConnected && panel.open && fill(body, found.slice(many), 2 * many));
  }

  return {
    /* Whether there is anything to be shown. */
    leads: (data) => Boolean(list && ("arms" in data || "dataset" in data)),

    /* Opens the panel. ``data``: an element's dataset; ``number``: what the trials are behind, in words. */
    show(data, number) {
      const found = behind(data);
      const [arms, datasets] = [parts(data.arms), parts(data.dataset)];
      const whose = [among(arms, "arms"), among(datasets, "data sets")].filter(Boolean).join(" on ") || "the study";
      const status = data.status ? `${data.status} ` : "";
      heading.textContent = `${found.length} ${status}${found.length === 1 ? "trial" : "trials"} of ${whose}`;
      told.textContent = number;
      const table = make("table");
      table.append(list.tHead.cloneNode(true), make("tbody"));
      table.tHead.rows[0].append(make("th", "computed again by", { scope: "col" }));
      frame.replaceChildren(table);
      fill(table.tBodies[0], found, 200);
      panel.showModal();
      frame.focus(); // so that the arrow keys scroll it
      frame.scrollTo(0, 0);
    },
  };
})();
