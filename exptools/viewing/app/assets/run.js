// The tab of one run: its config as a tree, its tables and its log, which are too large for
// components. All that is a run's own becomes the text of a node, and nothing else.
(() => {
  const { leave, answer, changed } = window.exptools; // of page.js, which is loaded before
  const MANY = 150; // keys; of a longer config only the outermost ones are open
  const LONG = 160; // characters of a value that are shown before a click
  const SHORT = 90; // the same in a table

  const element = (id) => document.getElementById(id);

  const node = (name, className = "", text = undefined) => {
    const made = document.createElement(name);
    made.className = className;
    if (text !== undefined) {
      made.textContent = text;
    }
    return made;
  };

  const group = (groups, path, open) => {
    const name = JSON.stringify(path);
    if (groups.has(name)) {
      const { children, count } = groups.get(name);
      if (count) {
        count.textContent = Number(count.textContent) + 1;
      }
      return children;
    }
    const parent = group(groups, path.slice(0, -1), open);
    const details = node("details");
    details.open = open;
    const summary = node("summary", "", path.at(-1));
    const count = node("span", "run-muted", "1");
    summary.append(" ", count);
    details.append(summary);
    parent.append(details);
    groups.set(name, { children: details, count });
    return details;
  };

  const leaf = ({ path, text, kind, cut }) => {
    const row = node("div", "run-leaf");
    const shown = node("span", `run-leaf-value is-${kind}`, text.slice(0, LONG));
    row.append(node("span", "run-leaf-key", path.at(-1)), shown, node("span", "run-muted", kind));
    if (text.length > LONG) {
      shown.append("…");
      const all = node("button", "run-link", "show all");
      all.type = "button";
      all.addEventListener("click", () => {
        shown.textContent = cut ? `${text} … (the rest is not shown)` : text;
        all.remove();
      });
      row.append(all);
    }
    return row;
  };

  const piece = ({ text, style, href }) => {
    if (style === "link") {
      return Object.assign(node("a", "", text), { href, download: "" });
    }
    if (style === "value" && text.length > SHORT) {
      const long = node("details", "run-value");
      long.append(node("summary", "", `${text.slice(0, SHORT)}…`), node("span", "", text));
      return long;
    }
    return node("span", style && `run-${style}`, text);
  };

  const filled = (name, children) => {
    const made = node(name);
    made.append(...children);
    return made;
  };

  const cell = (lines) => filled("td", lines.map((pieces) => filled("div", pieces.map(piece))));

  // What a run has logged with Plotly is drawn, with the whole of it, once somebody has asked for a
  // figure of that run. The whole is fetched for the first one, and draws nothing but these.
  let whole;
  const wholePlotly = () =>
    (whole ??= new Promise((arrived, failed) => {
      const plain = window.Plotly;
      const script = node("script");
      script.src = document.querySelector('meta[name="whole-plotly"]').content;
      script.addEventListener("error", failed);
      script.addEventListener("load", () => {
        const loaded = window.Plotly;
        window.Plotly = plain;
        arrived(loaded);
      });
      document.body.append(script);
    }));
  const wanted = new Set(); // runs
  const drawn = new Map(); // by its box, when the figure will be there
  const takeAway = (box) => {
    // What is taken away while it is being drawn would fail on its way.
    const gone = drawn.get(box).then(wholePlotly).then((plotly) => plotly.purge(box));
    return gone.catch(() => {});
  };
  const offer = (box) => {
    const kinds = JSON.parse(box.dataset.figure).data.map(({ type }) => type ?? "scatter");
    const button = node("button", "wall-button", `Draw it (${[...new Set(kinds)].join(", ")})`);
    button.type = "button";
    button.addEventListener("click", () => {
      wanted.add(box.dataset.run);
      drawAll();
    });
    if (drawn.has(box)) {
      drawn.set(box, takeAway(box));
    }
    box.replaceChildren(button);
  };
  const draw = async (box, before) => {
    const { data, layout } = JSON.parse(box.dataset.figure);
    const plotly = await wholePlotly();
    await before;
    box.querySelector(":scope > button")?.remove();
    return box.isConnected && plotly.react(box, data, layout, {
      displayModeBar: false,
      responsive: true,
    });
  };
  const drawAll = () => {
    document.querySelectorAll(".run-plotly").forEach((box) => {
      const { figure, run } = box.dataset;
      const shown = wanted.has(run) ? `drawn ${figure}` : `offered ${figure}`;
      if (box.shown === shown) {
        return;
      }
      box.shown = shown;
      if (wanted.has(run)) {
        drawn.set(box, draw(box, drawn.get(box)).catch(() => {
          box.textContent = "This figure could not be drawn.";
        }));
      } else {
        offer(box);
      }
    });
    [...drawn.keys()].filter((box) => !box.isConnected).forEach((box) => {
      takeAway(box);
      drawn.delete(box);
    });
  };
  new MutationObserver(drawAll).observe(document.documentElement, {
    attributeFilter: ["data-figure"],
    childList: true,
    subtree: true,
  });

  answer("exptools_run", {
    // Not what is shown by itself, lest it become a step that the back button undoes in vain.
    choose: (run, shown, view) =>
      !run || run === shown?.name ? leave() : changed(view, { run }),

    drawConfig: (leaves, wanted) => {
      const filter = (wanted || "").trim().toLowerCase();
      const all = leaves || [];
      const shown = all.filter(
        ({ path, text }) =>
          path.join(".").toLowerCase().includes(filter) || text.toLowerCase().includes(filter),
      );
      const open = filter !== "" || shown.length <= MANY;
      const tree = document.createDocumentFragment();
      const groups = new Map([["[]", { children: tree }]]);
      for (const one of shown) {
        group(groups, one.path.slice(0, -1), open).append(leaf(one));
      }
      element("run-config-tree").replaceChildren(tree);
      if (!all.length) {
        return "No config.";
      }
      const keys = all.length === 1 ? "1 key" : `${all.length.toLocaleString("en")} keys`;
      return filter ? `${shown.length.toLocaleString("en")} of ${keys}` : keys;
    },

    drawTable: (table, place) => {
      const drawn = [];
      if (table?.rows.length) {
        const heads = table.heads.map((name) => node("th", "", name));
        heads.forEach((head) => Object.assign(head, { scope: "col" }));
        const rows = table.rows.map((row) => filled("tr", row.map(cell)));
        const whole = filled("table", [
          filled("thead", [filled("tr", heads)]),
          filled("tbody", rows),
        ]);
        const frame = node("div", "run-table");
        frame.append(whole);
        drawn.push(frame);
      }
      if (table?.sentence) {
        drawn.push(node("p", "run-nothing", table.sentence));
      }
      element(place).replaceChildren(...drawn);
    },

    // New lines of the log, where they belong; and there the page looks. Lines that belong to what
    // is no longer shown come too late.
    drawLog: (given, shown) => {
      const [log, text] = [element("run-log"), element("run-log-text")];
      const height = log.scrollHeight;
      const stays = height - log.scrollTop - log.clientHeight > 40;
      const anew = !["after", "before"].includes(given?.how);
      const at = { after: text.dataset.end, before: text.dataset.start }[given?.how];
      if (!given || (!anew && at !== String(given.at))) {
        return;
      }
      const [before, error, behind] = given.lines;
      const chunk = node("span", "", before);
      if (error !== undefined) {
        chunk.append(node("mark", "run-log-error", error), behind);
      }
      if (anew) {
        text.replaceChildren(chunk);
      } else {
        text[given.how === "after" ? "append" : "prepend"](chunk);
      }
      text.dataset.start = shown?.start;
      text.dataset.end = shown?.end;
      if (given.how !== "before") {
        element("run-log-rest").textContent = given.rest;
      }
      log.parentElement.classList.toggle("run-no-log", !shown);
      element("run-log-earlier").hidden = !shown || shown.start === 0;
      element("run-log-jump").hidden = !shown || shown.completed;
      element("run-log-last").hidden = !shown || shown.follows;
      const errors = text.querySelectorAll(".run-log-error");
      if (given.how === "before") {
        log.scrollTop += log.scrollHeight - height;
      } else if (given.how === "error" && errors.length) {
        const last = errors[errors.length - 1];
        log.scrollTop = last.offsetTop - log.clientHeight / 3;
      } else if (anew || !stays) {
        log.scrollTop = log.scrollHeight;
      }
    },
  });
})();
