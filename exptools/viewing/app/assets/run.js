// The tab of one run: its config as a tree, its tables and its log, which are too large for
// components. All that is a run's own becomes the text of a node, and nothing else.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.exptoolsRun = {
  MANY: 150, // keys; of a longer config only the outermost ones are open
  LONG: 160, // characters of a value that are shown before a click
  SHORT: 90, // the same in a table

  // Not what is shown by itself, lest it become a step that the back button undoes in vain.
  choose(run, shown, view) {
    const same = !run || run === shown?.name || run === view.run;
    return same ? window.dash_clientside.no_update : { ...view, run, notes: [] };
  },

  drawConfig(rows, wanted) {
    const run = window.dash_clientside.exptoolsRun;
    const place = document.getElementById("run-config-tree");
    const text = (wanted || "").trim().toLowerCase();
    const found = (rows || []).filter(
      ([path, value]) =>
        !text || path.join(".").toLowerCase().includes(text) || value.toLowerCase().includes(text),
    );
    const open = text !== "" || found.length <= run.MANY;
    const groups = new Map([["[]", { children: place, count: null }]]);
    const tree = document.createDocumentFragment();
    groups.get("[]").children = tree;
    for (const [path, value, kind, cut] of found) {
      const parent = run.group(groups, path.slice(0, -1), open);
      parent.append(run.leaf(path[path.length - 1], value, kind, cut));
    }
    place.replaceChildren(tree);
    const all = (rows || []).length;
    if (!all) {
      return "No config.";
    }
    const keys = all === 1 ? "1 key" : `${all.toLocaleString("en")} keys`;
    return text ? `${found.length.toLocaleString("en")} of ${keys}` : keys;
  },

  group(groups, path, open) {
    const name = JSON.stringify(path);
    if (groups.has(name)) {
      const known = groups.get(name);
      if (known.count) {
        known.count.textContent = Number(known.count.textContent) + 1;
      }
      return known.children;
    }
    const parent = this.group(groups, path.slice(0, -1), open);
    const details = this.node("details", "");
    details.open = open || path.length === 0;
    const summary = this.node("summary", "", path[path.length - 1]);
    const count = this.node("span", "run-muted", "1");
    summary.append(" ", count);
    details.append(summary);
    parent.append(details);
    groups.set(name, { children: details, count });
    return details;
  },

  leaf(key, value, kind, cut) {
    const row = this.node("div", "run-leaf");
    const shown = this.node("span", `run-leaf-value is-${kind}`, value.slice(0, this.LONG));
    row.append(this.node("span", "run-leaf-key", key), shown, this.node("span", "run-kind", kind));
    if (value.length > this.LONG) {
      shown.append("…");
      const all = this.node("button", "run-link", "show all");
      all.type = "button";
      all.addEventListener("click", () => {
        shown.textContent = cut ? `${value} … (the rest is not shown)` : value;
        all.remove();
      });
      row.append(all);
    }
    return row;
  },

  node(name, className = "", text = undefined) {
    const node = document.createElement(name);
    node.className = className;
    if (text !== undefined) {
      node.textContent = text;
    }
    return node;
  },

  drawTable(table, place) {
    const { node } = window.dash_clientside.exptoolsRun;
    const drawn = [];
    if (table?.rows.length) {
      const head = node("tr");
      head.append(...table.heads.map((name) => Object.assign(node("th", "", name), { scope: "col" })));
      const body = node("tbody");
      for (const row of table.rows) {
        const line = node("tr");
        line.append(...row.map((cell) => window.dash_clientside.exptoolsRun.cell(cell)));
        body.append(line);
      }
      const [whole, top, frame] = [node("table"), node("thead"), node("div", "run-table")];
      top.append(head);
      whole.append(top, body);
      frame.append(whole);
      drawn.push(frame);
    }
    if (table?.say) {
      drawn.push(node("p", "run-nothing", table.say));
    }
    document.getElementById(place).replaceChildren(...drawn);
  },

  cell(lines) {
    const run = window.dash_clientside.exptoolsRun;
    const cell = run.node("td");
    for (const pieces of lines) {
      const line = run.node("div");
      line.append(...pieces.map(([kind, text, href]) => run.piece(kind, text, href)));
      cell.append(line);
    }
    return cell;
  },

  piece(kind, text, href) {
    const { node, SHORT } = window.dash_clientside.exptoolsRun;
    if (kind === "link") {
      return Object.assign(node("a", "", text), { href, download: "" });
    }
    if (kind === "value" && text.length > SHORT) {
      const long = node("details", "run-value");
      long.append(node("summary", "", `${text.slice(0, SHORT)}…`), node("span", "", text));
      return long;
    }
    return node("span", kind && `run-${kind}`, text);
  },

  // New lines of the log, where they belong; and there the page looks. Lines that belong to what
  // is no longer shown come too late.
  drawLog(given, shown) {
    const run = window.dash_clientside.exptoolsRun;
    const [log, text] = ["run-log", "run-log-text"].map((id) => document.getElementById(id));
    const height = log.scrollHeight;
    const stays = height - log.scrollTop - log.clientHeight > 40;
    const anew = !["after", "before"].includes(given?.how);
    const at = { after: text.dataset.end, before: text.dataset.start }[given?.how];
    if (!given || (!anew && at !== String(given.at))) {
      return;
    }
    const [before, error, behind] = given.lines;
    const chunk = run.node("span", "", before);
    if (error !== undefined) {
      chunk.append(run.node("mark", "run-log-error", error), behind);
    }
    if (anew) {
      text.replaceChildren(chunk);
    } else {
      text[given.how === "after" ? "append" : "prepend"](chunk);
    }
    text.dataset.start = shown?.start;
    text.dataset.end = shown?.end;
    if (given.how !== "before") {
      document.getElementById("run-log-rest").textContent = given.rest;
    }
    log.parentElement.classList.toggle("run-no-log", !shown);
    document.getElementById("run-log-earlier").hidden = !shown || shown.start === 0;
    document.getElementById("run-log-last").hidden = !shown || shown.follows;
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
};
