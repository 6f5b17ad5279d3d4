// The table: its rows, which of them are ticked, how they are sorted, and their names and colours.
(() => {
  const { same, leave, answer, changed, tell, isNarrow } = window.exptools; // of page.js, which is loaded before

  const ofTable = new Set([
    ...["columns", "notes", "order", "pinned", "rows", "sort", "summaries", "widths"],
  ]);
  const chartAnswered = async () => {
    const busy = document.getElementById("busy");
    const start = Date.now();
    do {
      await new Promise((done) => setTimeout(done, 20));
    } while (!busy?.hidden && Date.now() - start < 10000);
  };

  let rowsById = new Map();
  let held; // the key of these rows
  let asked; // the view of the table, as it was asked for last
  let again = 0;
  const CHOOSING = ["…"]; // between a click and what Dash makes of it
  let columnsChosen = null; // by hand, until the table has them
  const choose = ({ target }) => {
    columnsChosen = target.closest?.("#columns-list") ? CHOOSING : columnsChosen;
  };
  window.addEventListener("click", choose, true);
  let selected = new Set(); // what is ticked; the table itself forgets it, now and then
  let reported = []; // selections as the table said them, the newest last, until it is told another
  let colors = {}; // in the chart, by run

  // The table, which may come later than the chart, and be made anew.
  const table = () => {
    try {
      const api = window.dash_ag_grid?.getApi?.("runs");
      return api?.isDestroyed() ? undefined : api;
    } catch {
      return undefined; // there is no other way to ask whether it is there
    }
  };

  // As figures/names.py does it.
  const SHORT = 30; // characters
  let cut = 0; // of each run's name, in the table
  const compareNames = (rows) => {
    const names = rows.filter((row) => !row.members).map((row) => row.id);
    let common = names[0] || "";
    names.forEach((name) => {
      let at = 0;
      while (at < common.length && common[at] === name[at]) {
        at += 1;
      }
      common = common.slice(0, at);
    });
    const long = names.length > 1 && names.some((name) => name.length > SHORT);
    cut = long ? common.match(/^[^]*[^0-9A-Za-z.=+-]|/)[0].length : 0;
  };

  const membersOf = (row) => row.members || [row.id];
  const mend = () => {
    table()?.forEachNode((node) => {
      const wanted = Boolean(node.data) && membersOf(node.data).every((name) => selected.has(name));
      if (Boolean(node.isSelected()) !== wanted) {
        node.setSelected(wanted);
      }
    });
  };

  // What somebody ticks is what the table changes while it handles a click or a key. It tells of it
  // later, when it may have taken the tick back by itself.
  let ticks = null; // before the click or key that is being handled
  const ticksNow = () => new Set(table()?.getSelectedRows());
  const compareTicks = () => {
    const [before, now] = [ticks, ticks && ticksNow()];
    ticks = null;
    const turnedOff = [...(before || [])].filter((row) => !now.has(row)).flatMap(membersOf);
    const turnedOn = [...(now || [])].filter((row) => !before.has(row)).flatMap(membersOf);
    if (!turnedOn.length && !turnedOff.length) {
      return;
    }
    const off = new Set(turnedOff);
    const names = [...selected, ...turnedOn]; // also those that the filter hides
    selected = new Set(names.filter((name) => !off.has(name)));
    reported.push([...selected].sort());
    tell("ticked", { data: { names: [...selected] } });
  };
  ["click", "keydown"].forEach((kind) => {
    const begin = ({ target }) => {
      if (target.closest?.("#runs")) {
        ticks = ticksNow();
        setTimeout(compareTicks); // if a handler keeps the event from the window
      }
    };
    window.addEventListener(kind, begin, true);
    window.addEventListener(kind, compareTicks);
  });

  const askAnew = () => {
    again += 1;
    tell("rows-key", { data: null });
    tell("table-view", { data: { ...asked, again } });
  };

  const putBack = () => {
    mend();
    window.exptools.showFunnels();
  };

  // An answer of the server's may know an older order than the one that somebody has just chosen.
  let order = []; // of the rows: columns, "-" before one that falls
  let orders = []; // as the table said them, the newest last
  const orderOf = (api) => {
    const sorted = api.getColumnState().filter((column) => column.sort);
    sorted.sort((a, b) => a.sortIndex - b.sortIndex);
    return sorted.map((column) => (column.sort === "desc" ? "-" : "") + column.colId);
  };
  const putInOrder = (api) => {
    if (api && !same(orderOf(api), order)) {
      const state = order.map((name, sortIndex) => {
        const falls = name.startsWith("-");
        return { colId: falls ? name.slice(1) : name, sort: falls ? "desc" : "asc", sortIndex };
      });
      api.applyColumnState({ state, defaultState: { sort: null } });
    }
  };

  // Dash takes stars a moment after they were turned. Those that are turned in less go together,
  // lest one take another's place.
  const SOON = 3000; // ms
  let [stars, turned] = [{}, 0]; // as they were turned last, by run, and when
  const turnStar = ({ id, star }) => {
    const before = Date.now() - turned < SOON ? stars : {};
    [stars, turned] = [{ ...before, [id]: !(before[id] ?? star) }, Date.now()];
    tell("starred", { data: { stars: Object.entries(stars), at: turned } });
  };

  Object.assign(window.exptools, {
    putBack,
    table,
    turnStar,
    sorted: ({ api, source }) => {
      if (!/^(ui|columnMenu|contextMenu)/.test(source)) {
        setTimeout(() => putInOrder(table()));
        return;
      }
      order = orderOf(api);
      orders.push(order);
      tell("sorted", { data: order });
    },
    telling: (name) => (cut > 1 ? `…${name.slice(cut)}` : name),
    swatch: (row) => {
      const color = colors[row.members ? row.members[0] : row.id];
      return { "--swatch": color || "transparent" };
    },
    paint: (ofRuns) => {
      colors = ofRuns;
      table()?.refreshCells({ columns: ["run"], force: true });
    },
  });

  answer("exptools", {
    // The table asks once the chart has its answer; at once where the chart stays, lest an answer to
    // one click on its head undo the next.
    tableView: (() => {
      let before = {};
      const chartStays = (view, version) => {
        const [now, then] = [{ ...view, version }, before];
        before = now;
        return Object.keys(now).every((name) => ofTable.has(name) || same(now[name], then[name]));
      };
      return (view, version) => {
        if (view.tab !== "compare") {
          return leave();
        }
        const now = { ...view, version, narrow: isNarrow() };
        asked = now;
        return chartStays(view, version) ? now : chartAnswered().then(() => now);
      };
    })(),

    // From the fields that have changed since the table that the page has, all its rows; those
    // that have not changed are the very same objects, which the table then leaves alone. Where the
    // page has missed an answer, as when several come at once, it asks for the whole table.
    rows: (update, key) => {
      const isNew = update && update.key === key && key !== held;
      if (!isNew || (update.base && update.base !== held)) {
        if (key && key !== held) {
          askAnew();
        }
        return leave();
      }
      held = key;
      if (!update.base) {
        rowsById = new Map();
      }
      update.gone.forEach((name) => rowsById.delete(name));
      const fields = Object.keys(update.columns);
      (update.columns.id || []).forEach((name, at) => {
        rowsById.set(name, Object.fromEntries(fields.map((f) => [f, update.columns[f][at]])));
      });
      const rows = [...rowsById.values()];
      compareNames(rows);
      return rows.sort((a, b) => a.order - b.order);
    },

    select: (chosen, view) => (chosen ? changed(view, { selected: chosen.names }) : leave()),

    // A view that has its selection or order from the table, maybe not the newest, is no reason to
    // change the table: somebody may have gone on meanwhile.
    tick: (view) => {
      window.exptools.filterIs(view.where);
      if (columnsChosen !== CHOOSING && !same(view.columns, columnsChosen)) {
        columnsChosen = null; // the back button, for example
      }
      const at = reported.findIndex((selection) => same(selection, [...view.selected].sort()));
      reported = reported.slice(Math.max(at, 0));
      if (at < 0) {
        reported = [];
        selected = new Set(view.selected);
      }
      mend();
      const told = orders.findIndex((one) => same(one, view.sort));
      orders = orders.slice(Math.max(told, 0));
      if (told < 0) {
        orders = [];
        order = view.sort;
        putInOrder(table());
      }
    },

    clear: (_clicks, view) => changed(view, { selected: [] }),

    sort: (sort, view) => (sort ? changed(view, { sort }) : leave()),

    chooseColumns: (chosen, columns, view) => {
      if (!columns) {
        return leave();
      }
      const shown = new Set([...chosen, "run"]);
      const usual = new Set(columns.usual);
      const here = columns.all.map(([name]) => name);
      const others = view.columns.filter((name) => !here.includes(name.slice(1)));
      const more = here.filter((name) => shown.has(name) && !usual.has(name));
      const less = here.filter((name) => !shown.has(name) && usual.has(name));
      const now = [...others, ...more.map((n) => `+${n}`), ...less.map((n) => `-${n}`)];
      if (same([...now].sort(), [...view.columns].sort())) {
        columnsChosen = null;
        return leave();
      }
      columnsChosen = now;
      return changed(view, { columns: now });
    },

    // Not those of an answer to an earlier choice: it would take back what was chosen since.
    showColumns: (columns) => {
      if (!columns || (columnsChosen && !same(columns.chosen, columnsChosen))) {
        return leave();
      }
      columnsChosen = null;
      return columns.shown;
    },
  });

  // Dash listens to a new table too late to hear of its first rows, and takes its ticks back then.
  let known;
  const meet = () => {
    const api = table();
    if (api && api !== known) {
      known = api;
      api.addEventListener("selectionChanged", putBack);
      putBack();
    }
  };
  new MutationObserver(meet).observe(document.documentElement, { childList: true, subtree: true });

  // What the table cuts is copied whole, and a number as it is.
  document.addEventListener("copy", (event) => {
    const cell = document.activeElement?.closest?.("#runs [col-id]");
    const row = cell?.closest("[row-id]")?.getAttribute("row-id");
    if (row && !`${window.getSelection()}`) {
      const column = cell.getAttribute("col-id");
      const value = rowsById.get(row)?.[column === "run" ? "id" : column];
      const isTime = column === "started"; // which nobody reads in seconds
      const text = value == null || isTime ? cell.innerText : String(value);
      event.clipboardData.setData("text/plain", text);
      event.preventDefault();
    }
  });
})();
