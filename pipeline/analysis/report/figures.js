/* Figures that answer: what a mark stands for when it is pointed at, touched or reached with the arrow keys; its trials
   (trials.js) on a click or Enter; legends that hide and show. Without it there are the same pictures and the browser's
   tooltips.

   It reads what figures/svg.py writes: [data-series] belongs to the entry [data-legend] of the same name; an element with
   a <title> is a mark, and data-arms and data-dataset say whose trials are behind it. */
(() => {
  const NEAR = 14; // pixels from which a mark is meant
  const tip = document.createElement("div");
  tip.className = "figure-tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  let speaker = null; // the figure that tells something

  /* Marks */

  class Mark {
    constructor(title) {
      this.element = title.parentNode;
      this.text = title.textContent;
      title.remove(); // else the browser's own tooltip comes on top
      this.leads = trialsBehind.leads(this.element.dataset);
      this.element.classList.toggle("leads", this.leads);
      this.series = this.element.closest("[data-series]")?.dataset.series;
      const path = this.element.tagName === "g" && this.element.querySelector("path");
      const line = path && path.style.fill === "none";
      this.corners = line ? path.getAttribute("d").match(/-?[\d.]+/g).map(Number) : null;
    }

    /* Pixels from a place on the screen; points come before the lines that join them. */
    distance(x, y) {
      if (this.corners) return 1 + this.fromLine(x, y);
      const box = this.element.getBoundingClientRect();
      const aside = Math.max(box.left - x, 0, x - box.right), above = Math.max(box.top - y, 0, y - box.bottom);
      const centre = Math.hypot(x - (box.left + box.right) / 2, y - (box.top + box.bottom) / 2);
      return Math.hypot(aside, above) + centre / 1000;
    }

    fromLine(x, y) {
      const toScreen = this.element.getScreenCTM();
      const at = new DOMPoint(x, y).matrixTransform(toScreen.inverse());
      let best = Infinity;
      for (let i = 0; i + 3 < this.corners.length; i += 2) {
        const [ax, ay, bx, by] = this.corners.slice(i, i + 4);
        const length = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
        const along = Math.min(1, Math.max(0, ((at.x - ax) * (bx - ax) + (at.y - ay) * (by - ay)) / length));
        best = Math.min(best, Math.hypot(ax + along * (bx - ax) - at.x, ay + along * (by - ay) - at.y));
      }
      return best * toScreen.a;
    }

    get place() {
      const box = this.element.getBoundingClientRect();
      return this.corners ? [box.right, box.top + box.height / 2] : [(box.left + box.right) / 2, box.top];
    }
  }

  /* Figures */

  class Figure {
    constructor(frame, svg) {
      this.frame = frame;
      this.svg = svg;
      this.marks = [...svg.querySelectorAll("title")].map((title) => new Mark(title));
      this.parts = [...svg.querySelectorAll("[data-series]")];
      this.off = new Set();
      this.told = null;
      this.left = null; // the mark whose trials were looked at: the arrow keys go on from it
      const series = new Set(this.parts.map((part) => part.dataset.series));
      const entries = [...svg.querySelectorAll("[data-legend]")];
      entries.filter((entry) => series.has(entry.dataset.legend)).forEach((entry) => this.makeButton(entry));
      entries.filter((entry) => !series.has(entry.dataset.legend)).forEach((entry) => delete entry.dataset.legend);
      if (this.marks.length || this.parts.length) this.listen();
    }

    makeButton(entry) {
      const name = entry.dataset.legend;
      entry.addEventListener("click", () => this.toggle(name));
      entry.addEventListener("pointerenter", () => this.light(name));
      entry.addEventListener("pointerleave", () => this.light(null));
      if (!entry.querySelector("text")) return; // one stop of the keyboard a name
      const said = { role: "button", tabindex: "0", "aria-pressed": "true", "aria-label": `Show ${name}` };
      for (const [key, value] of Object.entries(said)) entry.setAttribute(key, value);
      entry.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        this.toggle(name);
      });
    }

    toggle(name) {
      const off = !this.off.delete(name) && Boolean(this.off.add(name));
      for (const element of this.svg.querySelectorAll("[data-series], [data-legend]")) {
        if ((element.dataset.series ?? element.dataset.legend) !== name) continue;
        element.classList.toggle("off", off);
        if (element.hasAttribute("aria-pressed")) element.setAttribute("aria-pressed", String(!off));
      }
      this.light(off ? null : name);
    }

    /* Dims all but one series; none without a name. */
    light(name) {
      this.svg.classList.toggle("dims", Boolean(name) && this.parts.some((part) => part.dataset.series !== name));
      for (const part of this.parts) part.classList.toggle("lit", part.dataset.series === name);
    }

    listen() {
      this.frame.setAttribute("role", "group"); // no longer one picture: its legend can be reached
      this.svg.addEventListener("pointermove", (event) => {
        if (event.target.closest("[data-legend]")) return this.tell(null);
        this.tell(this.nearest(event.clientX, event.clientY), [event.clientX, event.clientY]);
      });
      this.svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.tell(null));
      this.svg.addEventListener("click", (event) => {
        if (event.target.closest("[data-legend]")) return;
        const mark = this.nearest(event.clientX, event.clientY);
        const again = mark && mark === this.told && mark === this.touched;
        this.touched = mark;
        // A finger does not hover: its first tap tells, the second leads on.
        if (mark && (event.pointerType === "mouse" || again)) this.follow(mark);
        else this.tell(mark, [event.clientX, event.clientY]);
      });
      this.frame.addEventListener("keydown", (event) => event.target === this.frame && this.key(event));
      this.frame.addEventListener("blur", () => this.tell(null));
    }

    nearest(x, y) {
      let best = null, least = NEAR;
      for (const mark of this.marks.filter((each) => !this.off.has(each.series))) {
        const distance = mark.distance(x, y);
        if (distance < least) [best, least] = [mark, distance];
      }
      return best;
    }

    key(event) {
      const marks = this.marks.filter((each) => !this.off.has(each.series)), at = marks.indexOf(this.told ?? this.left), last = marks.length - 1;
      const steps = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at < 0 ? last : at - 1, ArrowUp: at < 0 ? last : at - 1 };
      const goes = { ...steps, Home: 0, End: last };
      if (event.key === "Escape") return this.tell(null);
      if (event.key === "Enter" && this.told) return this.follow(this.told);
      if (!(event.key in goes) || last < 0) return;
      event.preventDefault();
      const mark = marks[(goes[event.key] + marks.length) % marks.length];
      mark.element.scrollIntoView({ block: "nearest", inline: "nearest" });
      this.tell(mark, mark.place);
    }

    /* Shows what a mark stands for beside a place on the screen. */
    tell(mark, place) {
      if (mark !== this.told) {
        this.told?.element.classList.remove("told");
        mark?.element.classList.add("told");
        this.told = mark;
        this.light(mark?.series ?? null);
        tip.textContent = mark ? mark.text + (mark.leads ? "\nClick or Enter: its trials" : "") : "";
      }
      this.svg.classList.toggle("leads", Boolean(mark?.leads));
      speaker = mark ? this : null;
      tip.hidden = !mark;
      if (!mark) return;
      const { width, height } = tip.getBoundingClientRect(), [x, y] = place;
      const left = x + 14 + width > innerWidth ? x - 14 - width : x + 14;
      const top = y + 14 + height > innerHeight ? y - 14 - height : y + 14;
      tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
    }

    follow(mark) {
      if (!mark.leads) return;
      this.tell(null);
      this.left = mark;
      trialsBehind.show(mark.element.dataset, mark.text.replaceAll("\n", " · "));
    }
  }

  for (const frame of document.querySelectorAll("figure .scroll")) {
    const svg = frame.querySelector("svg");
    if (svg) new Figure(frame, svg);
  }
  // What is told stays with its mark when the page or a wide figure is scrolled, by the arrow keys too.
  addEventListener("scroll", () => speaker?.tell(speaker.told, speaker.told.place), { passive: true, capture: true });
})();
