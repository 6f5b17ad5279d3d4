// The tab of one run: its config as a tree, and where in its log the page looks. All that is a
// run's own becomes the text of a node, and nothing else.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.exptoolsRun = {
  MANY: 150, // keys; of a longer config only the outermost ones are open
  LONG: 160, // characters of a value that are shown before a click

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

  node(name, className, text) {
    const node = document.createElement(name);
    node.className = className;
    if (text !== undefined) {
      node.textContent = text;
    }
    return node;
  },

  // After the log has changed: stay at its end if the page was there, or go where it was sent to.
  lookAt(_text, _rest, shown) {
    const log = document.getElementById("run-log");
    if (!log || !shown) {
      return;
    }
    if (!log.dataset.watched) {
      log.dataset.watched = "yes";
      log.addEventListener("scroll", () => {
        log.dataset.left = log.scrollHeight - log.scrollTop - log.clientHeight > 40 ? "yes" : "";
      });
    }
    document.getElementById("run-log-earlier").hidden = shown.start === 0;
    document.getElementById("run-log-last").hidden = shown.follows;
    const [place] = shown.jump.split(" ");
    const name = `${shown.run} ${shown.log} ${shown.jump}`;
    const sent = shown.jump && name !== log.dataset.jump;
    log.dataset.jump = name;
    window.requestAnimationFrame(() => {
      const errors = log.querySelectorAll(".run-log-error");
      if (sent && place === "error" && errors.length) {
        errors[errors.length - 1].scrollIntoView({ block: "center" });
      } else if (sent && place === "earlier") {
        const before = log.querySelector("#run-log-text > span:nth-child(2)");
        log.scrollTop = before ? before.offsetTop - log.offsetTop : 0;
      } else if (sent || (shown.follows && !log.dataset.left)) {
        log.scrollTop = log.scrollHeight;
      }
    });
  },
};
