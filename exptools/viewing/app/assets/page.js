// What only the browser knows: its colours, its address, how the chart has been turned; and what
// needs no server: the controls as a view, and a view in the controls.
(() => {
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const leave = () => window.dash_clientside.no_update;
  const tell = (id, props) => window.dash_clientside?.set_props?.(id, props);
  const plot = () => document.querySelector("#curves .js-plotly-plot");

  // The view with some fields changed, or nothing where they were so before.
  const changed = (view, fields) =>
    Object.entries(fields).some(([name, value]) => !same(view[name], value))
      ? { ...view, ...fields, notes: [] }
      : leave();

  // Dash hands a zoomed layout back to Plotly as if the app had zoomed, so the hidden lines are
  // carried over here; the zoom itself is part of the view.
  const keepHidden = (figure) => {
    const shown = plot();
    if (shown?.layout?.legend?.uirevision !== figure.layout.legend.uirevision) {
      return;
    }
    const hidden = shown.data.filter((trace) => trace.visible === "legendonly");
    const names = new Set(hidden.map((trace) => trace.legendgroup));
    figure.data
      .filter((trace) => names.has(trace.legendgroup))
      .forEach((trace) => {
        trace.visible = "legendonly";
      });
  };

  // Of the lines at the x that was clicked, the one nearest to the mouse.
  const clickCurve = (event) => {
    const distance = (point) => {
      const box = point.yaxis._offset + point.yaxis.d2p(point.y);
      const top = plot().getBoundingClientRect().top;
      return Math.abs(event.event.clientY - top - box);
    };
    const points = event.points.filter((point) => Array.isArray(point.data.meta));
    points.sort((a, b) => distance(a) - distance(b));
    if (points.length) {
      tell("clicked", { data: { curve: points[0].data.meta, at: Date.now() } });
    }
  };

  const amounts = { ema: 0.9, gaussian: 5, mean: 10 };
  const smoothing = (kind, amount) => {
    const fits = kind === "ema" ? amount >= 0 && amount < 1 : amount >= 1;
    return kind === "none" ? kind : `${kind}:${fits ? amount : amounts[kind]}`;
  };

  // What a callback was called with, by the names of the components.
  const given = (parts) =>
    Object.fromEntries(Object.entries(parts).map(([id, value]) => [id.split(".")[0], value]));

  // The table may come later than the chart; its cells then ask for their colours by themselves.
  const paintTable = () => {
    let table;
    try {
      table = window.dash_ag_grid?.getApi("runs");
    } catch {
      return; // there is no other way to ask whether it is there
    }
    table?.refreshCells({ columns: ["run"], force: true });
  };

  // The server's answer to what the page asks first is on its way while the scripts still start.
  const scheme = document.documentElement.dataset.mantineColorScheme;
  const config = JSON.parse(document.getElementById("_dash-config").textContent);
  const firstAnswer = fetch(
    `${config.requests_pathname_prefix}_first-answer${window.location.search}`,
    { headers: { "X-Colors": scheme }, credentials: "same-origin" },
  ).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);

  // Plotly comes after Dash has started. Until then its place is held, lest Dash fetch the whole of it.
  window.Plotly ??= new Promise((arrived) => {
    const loaded = ({ target }) => {
      if (target.src?.includes("/plotly-cartesian")) {
        document.removeEventListener("load", loaded, true);
        arrived();
      }
    };
    document.addEventListener("load", loaded, true);
  });

  // The server has painted a first picture. It moves to where the chart will be, and goes once the
  // chart is drawn.
  const firstPicture = () => document.getElementById("first-picture");
  let isDrawn = false;
  const place = () => {
    const [picture, chart] = [firstPicture(), document.getElementById("chart")];
    if (picture && chart && picture.parentNode !== chart) {
      chart.append(picture);
    }
    if (isDrawn || chart?.classList.contains("empty")) {
      drawn();
    }
  };

  // The table's script is as large as all others together. It comes once the chart is drawn; until
  // then a box stands for each table.
  const tableScript = document.querySelector('meta[name="table-script"]')?.content;
  let fetchTables = () => {};
  if (tableScript) {
    const tables = new Promise((arrived) => {
      fetchTables = () => {
        fetchTables = () => {};
        const script = document.createElement("script");
        script.src = tableScript;
        script.addEventListener("load", () => arrived(window.dash_ag_grid.AgGrid));
        document.body.append(script);
      };
    });
    const { createElement, useEffect, useState } = window.React;
    window.dash_ag_grid = {
      AgGrid: (props) => {
        const [table, setTable] = useState(null);
        useEffect(() => {
          tables.then((AgGrid) => setTable(() => AgGrid));
        }, []);
        const box = { style: { minHeight: props.style?.height } };
        return createElement("div", box, table && createElement(table, props));
      },
    };
    setTimeout(() => fetchTables(), 5000); // if no chart is drawn
  }

  const drawn = () => {
    isDrawn = true;
    firstPicture()?.remove();
    fetchTables();
  };

  // A view's query as View.to_query writes it, with what the browser makes of its characters.
  const LONGEST = 8000;
  const encoded = (text) =>
    encodeURIComponent(String(text).toWellFormed?.() ?? text)
      .replace(/%20/g, "+")
      .replace(/%(?:2F|3A|2C|3D)/g, decodeURIComponent);
  const texts = (value) => {
    if (Array.isArray(value) && value.length && value.every((item) => typeof item === "number")) {
      return [value.map((number) => Number(number.toPrecision(9))).join(",")];
    }
    const text = typeof value === "boolean" ? Number(value) : value;
    return Array.isArray(value) ? (value.length ? value : [""]) : [text];
  };
  const queryOf = (view, defaults) => {
    const { y_ranges: ranges, options, notes, ...fields } = view;
    const chosen = [
      ...Object.entries(fields).filter(
        ([name, value]) => name in defaults && !same(value, defaults[name]),
      ),
      ...Object.entries(ranges).map(([metric, range]) => [`y_range.${metric}`, range]),
      ...Object.entries(options).map(([name, text]) => [`option.${name}`, text]),
    ];
    const joined = (entries) =>
      entries
        .flatMap(([name, value]) => texts(value).map((t) => `${encoded(name)}=${encoded(t)}`))
        .join("&");
    const whole = joined(chosen);
    const query =
      whole.length > LONGEST ? joined(chosen.filter(([name]) => name !== "selected")) : whole;
    return new URL(`?${query}`, window.location.href).search;
  };

  const UNITS = { k: 1e3, M: 1e6, B: 1e9, T: 1e12 };
  const parseNumber = (text) => {
    const [, digits, unit] = text.trim().replace("−", "-").match(/^(.*?)\s*([kMBT]?)$/);
    return digits ? Number(digits) * (UNITS[unit] || 1) : NaN;
  };
  const parseTime = (text) => Date.parse(`${text.trim().replace(/\s+/, "T")}Z`) / 1000;
  const parseRange = (text, { time, log }) => {
    if (!text.trim()) {
      return { span: null };
    }
    const parts = text.split(/\s+to\s+|\s*[,;…–]\s*|\s*\.{2,}\s*/);
    const span = (parts.length === 1 && !time ? text.trim().split(/\s+/) : parts).map(
      time ? parseTime : parseNumber,
    );
    if (span.length !== 2 || !span.every(Number.isFinite)) {
      return { error: time ? "two times, as 2026-11-27 14:00 to 2026-11-27 15:30" : "two numbers, as 0 to 1e6" };
    }
    if (span[0] >= span[1]) {
      return { error: "the smaller one comes first" };
    }
    return log && span[0] <= 0 ? { error: "a log axis begins above 0" } : { span };
  };
  const spoken = (value) => String(Number(value.toPrecision(6)));
  const spokenTime = (value) => new Date(value * 1000).toISOString().slice(0, 19).replace("T", " ");
  const rangesOf = (view) =>
    [view.x_range, view.y_ranges[view.metrics[0]] || null].map((span, at) => ({
      span,
      text: (span || []).map(at === 0 && view.x === "wall_time" ? spokenTime : spoken).join(" to "),
    }));

  let typing = 0; // the pause after what was typed last into the filter
  let steps = []; // where the back button has led, for as long as the page does not show it
  const ofTable = new Set(["columns", "notes", "rows", "sort", "summaries"]);
  const chartAnswered = async () => {
    const busy = document.getElementById("busy");
    const start = Date.now();
    do {
      await new Promise((done) => setTimeout(done, 20));
    } while (!busy?.hidden && Date.now() - start < 10000);
  };

  let rowsById = new Map();
  let visited = false;
  let selected = new Set(); // what is ticked; the table itself forgets it, now and then
  let reported = []; // selections as the table said them, the newest last, until it is told another
  let colors = {}; // in the chart, by run

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
  // The table tells of a tick a moment later: what has not been told yet must not be taken back.
  const MOMENT = 60; // ms
  let touched = 0;
  const touch = ({ target }) => {
    touched = target.closest?.("#runs") ? Date.now() : touched;
  };
  document.addEventListener("click", touch, true);
  document.addEventListener("keydown", touch, true);
  const mend = () => {
    if (Date.now() - touched < MOMENT) {
      setTimeout(mend, MOMENT);
      return;
    }
    let table;
    try {
      table = window.dash_ag_grid?.getApi("runs");
    } catch {
      return; // it is not there yet, and asks by itself once it has rows
    }
    table?.forEachNode((node) => {
      const wanted = Boolean(node.data) && membersOf(node.data).every((name) => selected.has(name));
      if (Boolean(node.isSelected()) !== wanted) {
        node.setSelected(wanted);
      }
    });
  };

  window.exptools = {
    mend,
    // The ticks as somebody has just set them.
    ticked: (rows) => {
      const names = rows.flatMap(membersOf);
      selected = new Set(names);
      reported.push([...names].sort());
      tell("ticked", { data: { names } });
    },
    telling: (name) => (cut > 1 ? `…${name.slice(cut)}` : name),
    same,
    leave,
    changed,
    swatch: (row) => {
      const color = colors[row.members ? row.members[0] : row.id];
      return { "--swatch": color || "transparent" };
    },
  };

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.exptools = {
    colors: () => document.documentElement.dataset.mantineColorScheme,
    // What the view is and what is drawn, from the answer that was asked for before. Without one, or
    // where the page knows newer runs, the address goes to the server as if it were another one.
    begin: async (_id, version) => {
      const outputs = window.dash_clientside.callback_context.outputs_list;
      const answer = await firstAnswer;
      if (answer?.version !== version) {
        return outputs.map(({ id }) => (id === "address" ? window.location.search : leave()));
      }
      if (answer.view.tab !== "compare") {
        fetchTables();
      }
      return [leave(), answer.view, ...(answer.drawn || outputs.slice(2).map(leave))];
    },
    help: (_clicks, opened) => !opened,
    // A tab's callbacks follow its own copy of the view, which changes while the tab is open; that of
    // a run also when it is left, for then its clock stops.
    picturesView: (view, version, colors) =>
      view.tab === "pictures" ? { ...view, version, colors } : leave(),
    runColors: (colors, tab) => (tab === "run" ? colors : leave()),
    runView: (() => {
      let last = "";
      return (view, version) => {
        const before = last;
        last = view.tab;
        return [view.tab, before].includes("run") ? { ...view, version } : leave();
      };
    })(),

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
        return chartStays(view, version)
          ? { ...view, version }
          : chartAnswered().then(() => ({ ...view, version }));
      };
    })(),

    chooseTab: (tab, view) => changed(view, { tab }),
    showTab: (view, tab) => (view.tab === tab ? leave() : view.tab),

    // Put the view into the address. The first one belongs to the visit that is there; each later
    // one is a step that the back button undoes. A view that such a step has led to makes no new
    // one, nor does one that another step has overtaken.
    remember: (view, defaults) => {
      const search = queryOf(view, defaults);
      const here = window.location.pathname + search;
      const overtaken = steps.includes(search);
      if (search === window.location.search) {
        steps = [];
      } else if (!overtaken) {
        window.history[visited && !steps.length ? "pushState" : "replaceState"](null, "", here);
        steps = [];
      }
      visited = true;
    },

    keepView: (figure) => {
      if (!figure) {
        return leave();
      }
      keepHidden(figure);
      colors = figure.layout.meta.colors;
      paintTable();
      return figure;
    },

    // From the fields that have changed since the table that the page has, all its rows; those
    // that have not changed are the very same objects, which the table then leaves alone.
    rows: (update) => {
      if (!update) {
        return leave();
      }
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

    choose: (...values) => {
      const view = values.pop();
      const chosen = given(window.dash_clientside.callback_context.inputs);
      const list = (name) => chosen[name] || [];
      const fields = {
        metrics: list("metrics"),
        by: view.by === null && !list("by").length ? null : list("by"),
        split: list("split"),
        x: chosen.x,
        log: ["x", "y"].filter((axis) => list("log").includes(axis)),
        center: chosen.center,
        band: chosen.band,
        states: chosen.states,
        smooth: smoothing(chosen.smoothing, chosen.amount),
        smooth_when: chosen.when,
        best: list("best"),
        best_mode: chosen.mode,
        clip: Boolean(chosen.clip),
        show_runs: Boolean(chosen.lines),
        summaries: list("summaries").length ? list("summaries") : view.summaries,
        rows: chosen.rows,
      };
      if (fields.x !== view.x) {
        fields.x_range = null;
      }
      if (!same(fields.by, view.by) || fields.states !== view.states) {
        fields.page = 0;
      }
      return changed(view, fields);
    },

    filter: (typed, view) => changed(view, { where: typed.trim(), page: 0 }),

    show: (view) => {
      const { states, outputs_list } = window.dash_clientside.callback_context;
      const shown = given(states);
      const [smoothing, amount] = view.smooth.split(":");
      const values = {
        ...view,
        by: view.by || [],
        smoothing,
        amount: amount ? Number(amount) : shown.amount,
        when: view.smooth_when,
        mode: view.best_mode,
        lines: view.show_runs,
      };
      if (typing || (shown.where || "").trim() === view.where) {
        values.where = shown.where; // its spaces are somebody's who is typing
      }
      return outputs_list.map(({ id }) => (same(values[id], shown[id]) ? leave() : values[id]));
    },

    // Ranges that are typed: two numbers or, of the time of day, two times.
    range: (...given) => {
      const [across, up, view] = given.slice(-3);
      const [wanted, now] = [[across, up], rangesOf(view)];
      const read = wanted.map((text, at) =>
        (text || "").trim() === now[at].text
          ? { span: now[at].span }
          : parseRange(text || "", { time: at === 0 && view.x === "wall_time", log: view.log.includes("xy"[at]) }),
      );
      const errors = read.map(({ error }) => error || null);
      if (errors.some((error) => error)) {
        return [leave(), ...errors];
      }
      const [x, y] = read.map(({ span }) => span);
      const ranges = { ...view.y_ranges };
      if (y) {
        ranges[view.metrics[0]] = y;
      } else {
        delete ranges[view.metrics[0]];
      }
      return [changed(view, { x_range: x, y_ranges: ranges }), ...errors];
    },

    showRanges: (view) => [...rangesOf(view).map(({ text }) => text), null, null],

    // A zoom is part of the view: in units of x, and for y by metric.
    zoom: (event, view) => {
      const layout = plot()?.layout;
      if (!event || !layout) {
        return leave();
      }
      const data = (value, axis) => {
        if (axis.type === "date") {
          return (typeof value === "number" ? value : Date.parse(`${value.replace(" ", "T")}Z`)) / 1000;
        }
        return axis.type === "log" ? 10 ** value : value;
      };
      const metrics = layout.meta?.metrics || [];
      let xRange = view.x_range;
      const yRanges = { ...view.y_ranges };
      for (const key of Object.keys(event)) {
        const [, letter, number, , part] =
          key.match(/^([xy])axis(\d*)\.(range\[0\]|(autorange))$/) || [];
        if (!letter) {
          continue;
        }
        const axis = `${letter}axis${number}`;
        const metric = metrics[(Number(number) || 1) - 1];
        const reset = part === "autorange";
        const span = [event[`${axis}.range[0]`], event[`${axis}.range[1]`]];
        const range = reset ? null : span.map((value) => data(value, layout[axis]));
        if (letter === "x") {
          xRange = range;
        } else if (range) {
          yRanges[metric] = range;
        } else {
          delete yRanges[metric];
        }
      }
      return changed(view, { x_range: xRange, y_ranges: yRanges });
    },

    select: (chosen, view) => (chosen ? changed(view, { selected: chosen.names }) : leave()),

    // A view that has its selection from the table, maybe not the newest, is no reason to change
    // the table: somebody may have ticked on meanwhile.
    tick: (view) => {
      const at = reported.findIndex((selection) => same(selection, [...view.selected].sort()));
      reported = reported.slice(Math.max(at, 0));
      if (at < 0) {
        reported = [];
        selected = new Set(view.selected);
      }
      mend();
    },

    clear: (_clicks, view) => changed(view, { selected: [] }),

    turn: (_back, _on, view) => {
      const on = window.dash_clientside.callback_context.triggered_id === "page-on";
      return changed(view, { page: Math.max(0, view.page + (on ? 1 : -1)) });
    },

    open: (opened, view) =>
      opened ? changed(view, { tab: "run", run: opened.run }) : leave(),

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
      return same([...now].sort(), [...view.columns].sort()) ? leave() : changed(view, { columns: now });
    },

    showColumns: (columns) => (columns ? columns.shown : leave()),
  };

  // What the table cuts is copied whole.
  document.addEventListener("copy", (event) => {
    const name = document.activeElement?.closest?.('#runs [col-id="run"]');
    if (name && !`${window.getSelection()}`) {
      event.clipboardData.setData("text/plain", name.closest("[row-id]").getAttribute("row-id"));
      event.preventDefault();
    }
  });

  // Light or dark is settled by the switch or by the system; the chart is drawn on the server.
  new MutationObserver(() => {
    tell("colors", { data: document.documentElement.dataset.mantineColorScheme });
  }).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-mantine-color-scheme"],
  });

  // What is typed into the filter counts after a pause; what else comes into its field is there
  // already.
  const PAUSE = 350; // ms
  document.addEventListener("input", ({ target }) => {
    if (target.id === "where") {
      clearTimeout(typing);
      typing = setTimeout(() => {
        typing = 0;
        tell("typed", { data: target.value });
      }, PAUSE);
    }
  });

  window.addEventListener("popstate", () => {
    clearTimeout(typing);
    typing = 0;
    steps.push(window.location.search);
    tell("address", { data: window.location.search });
  });

  // A page that nobody sees asks for nothing.
  document.addEventListener("visibilitychange", () => tell("clock", { disabled: document.hidden }));

  // The graph is made anew now and then; each new one is listened to once.
  new MutationObserver(() => {
    place();
    const shown = plot();
    if (shown?.on && !shown.dataset.listened) {
      shown.dataset.listened = "yes";
      shown.on("plotly_click", clickCurve);
      shown.on("plotly_afterplot", drawn);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, [contenteditable]");
    const field = document.getElementById("where");
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key === "Escape" && event.target === field) {
      field.blur();
    } else if (!typing && event.key === "/" && field?.offsetParent) {
      event.preventDefault();
      field.focus();
      field.select();
    } else if (!typing && event.key === "?") {
      tell("help", { opened: true });
    }
  });
})();

// What needs no server in the tab of pictures: its controls as a view, clicks on runs, the zoom.
(() => {
  const { same, leave, changed } = window.exptools;
  const shared = ["by", "center", "band", "states"]; // with the curves; the other controls are options

  window.dash_clientside.exptools_pictures = {
    choose: (picture, view) => (picture ? changed(view, { picture }) : leave()),

    // Only what differs from the values with which the server drew the controls was chosen.
    adjust: (values, drawn, view) => {
      const given = window.dash_clientside.callback_context.inputs_list[0];
      const chosen = Object.fromEntries(given.map(({ id }, at) => [id.name, values[at]]));
      const fields = {};
      const options = { ...view.options };
      Object.entries(chosen).forEach(([name, value]) => {
        if (value === null || value === undefined || same(`${value}`, `${drawn?.[name]}`)) {
          return;
        }
        if (name === "metric" && value.startsWith("summary.")) {
          options.metric = value; // it has no curve
        } else if (name === "metric") {
          delete options.metric;
          fields.metrics = [value, ...view.metrics.slice(1).filter((other) => other !== value)];
        } else if (shared.includes(name)) {
          fields[name] = value;
        } else if (name === "number") {
          options.summary = value === "" ? chosen.summary : `${chosen.summary}:${value}`;
        } else {
          options[name] = Array.isArray(value) ? value.join("\n") : value;
        }
      });
      return changed(view, { ...fields, options });
    },

    // What the view says, in the controls that say something else.
    say: (drawn, values) => {
      const given = window.dash_clientside.callback_context.outputs_list;
      return given.map(({ id }, at) => {
        const value = drawn?.[id.name];
        const known = id.name === "number" ? Number(value) : value;
        return value === undefined || same(known, values[at]) ? leave() : known;
      });
    },

    // A dot, bar or line that stands for a run opens it.
    open: (click, view) => {
      const name = click?.points?.[0]?.customdata;
      return typeof name === "string" && view.picture !== "sweeps"
        ? changed(view, { tab: "run", run: name })
        : leave();
    },

    // Zoomed axes stay as they were for as long as the picture shows the same.
    keepZoom: (figure) => {
      const shown = document.querySelector("#picture-graph .js-plotly-plot")?.layout;
      if (figure && shown?.meta === figure.layout.meta) {
        Object.entries(figure.layout).forEach(([name, axis]) => {
          if (/^[xy]axis/.test(name) && shown[name]?.autorange === false && !axis.range) {
            axis.range = [...shown[name].range];
            axis.autorange = false;
          }
        });
      }
      return figure;
    },
  };
})();
