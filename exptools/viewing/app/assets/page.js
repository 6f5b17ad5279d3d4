// What only the browser knows: its colours, and how the chart has been turned; and what needs no
// server: the controls as a view, and a view in the controls. The scripts beside this one, which
// come after it, have the start, the table, the address and what is typed as an axis's range.
(() => {
  // Whenever anything changes, each of these looks at all that the page has, lest what is right in
  // it have become another component: a fifth of the time of each change. In ours it never does.
  delete window.dash_mantine_components?.PopoverDropdown?.dashChildrenUpdate;

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const leave = () => window.dash_clientside.no_update;
  const tell = (id, props) => window.dash_clientside?.set_props?.(id, props);
  const plot = () => document.querySelector("#curves .js-plotly-plot");

  // Dash draws each output of a callback anew, those too that are left as they are. So what changes
  // is told one by one, and the callback leaves all as it is.
  const settle = (values) => {
    const { outputs_list } = window.dash_clientside.callback_context;
    outputs_list.forEach(({ id, property }, at) => {
      if (values[at] !== leave()) {
        tell(id, { [property.split("@")[0]]: values[at] });
      }
    });
    return leave();
  };

  // Choices go into a store, from which Dash takes them a moment later. Those that come faster go
  // together, lest one take another's place.
  const chooser = (store) => {
    let waiting = {};
    return {
      choose: (fields) => {
        waiting = { ...waiting, ...fields };
        tell(store, { data: { fields: waiting, at: Date.now() } });
      },
      take: (chosen, view) => {
        waiting = {};
        return chosen ? changed(view, chosen.fields) : leave();
      },
      chosenIn: (view) => ({ ...view, ...waiting }),
    };
  };

  // Functions that Dash calls. What they leave as it is they say by throwing: it costs less.
  const answer = (space, functions) => {
    window.dash_clientside ??= {};
    const known = (window.dash_clientside[space] ??= {});
    for (const [name, compute] of Object.entries(functions)) {
      known[name] = (...given) => {
        const answered = compute(...given);
        if (answered === leave()) {
          throw window.dash_clientside.PreventUpdate;
        }
        return answered;
      };
    }
  };

  // On a phone the legend is below the figure, and a finger on it moves the page.
  const isNarrow = () => window.matchMedia("(max-width: 700px)").matches;
  const ROOM = 22; // letters
  const fit = (figure) => {
    if (figure && isNarrow()) {
      figure.data
        .filter(({ name }) => name?.length > ROOM && !name.includes("&"))
        .forEach((trace) => {
          trace.name = `…${trace.name.slice(1 - ROOM)}`; // lest a hover is wider than the page
        });
      const below = { orientation: "h", x: 0, xanchor: "left", y: 0, yanchor: "bottom" };
      const { title } = figure.layout.legend;
      const side = title?.text?.length > ROOM ? "top" : "left"; // lest it takes the names' room
      const legend = { ...figure.layout.legend, ...below, yref: "container" };
      figure.layout.legend = { ...legend, title: { ...title, side } };
      figure.layout.dragmode = false;
    }
    return figure;
  };

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

  // Of a name that the legend cuts, the whole.
  document.addEventListener("mouseover", ({ target }) => {
    const item = target.closest?.("#curves .legend .traces");
    const short = item?.querySelector(".legendtext")?.getAttribute("data-unformatted");
    const whole = plot()?.layout?.meta?.names?.[short];
    if (whole && !item.querySelector("title")) {
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = whole;
      item.prepend(title);
    }
  });

  const amounts = { ema: 0.9, gaussian: 5, mean: 10 };
  const smoothing = (kind, amount) => {
    const fits = kind === "ema" ? amount >= 0 && amount < 1 : amount >= 1;
    return kind === "none" ? kind : `${kind}:${fits ? amount : amounts[kind]}`;
  };

  // A reference line is of the metric that is shown first where its text does not say of which.
  const named = (lines, metric) =>
    lines.map((text) => (text.includes("=") || !metric ? text : `${metric} = ${text.trim()}`));

  // What a callback was called with, by the names of the components.
  const given = (parts) =>
    Object.fromEntries(Object.entries(parts).map(([id, value]) => [id.split(".")[0], value]));

  let typing = 0; // the pause after what was typed last into the filter
  const stopTyping = () => {
    clearTimeout(typing);
    typing = 0;
  };

  window.exptools = { same, leave, settle, answer, chooser, changed, tell, plot, isNarrow, fit, stopTyping };
  answer("exptools", {
    colors: () => document.documentElement.dataset.mantineColorScheme,
    help: (_clicks, opened) => !opened,
    // A tab's callbacks follow its own copy of the view, which changes while the tab is open; that of
    // a run also when it is left, for then its clock stops.
    chartsView: (view, version, colors) =>
      view.tab === "charts" ? { ...view, version, colors } : leave(),
    runColors: (colors, tab) => (tab === "run" ? colors : leave()),
    runView: (() => {
      let last = "";
      return (view, version) => {
        const before = last;
        last = view.tab;
        return [view.tab, before].includes("run") ? { ...view, version } : leave();
      };
    })(),

    chooseTab: (tab, view) => changed(view, { tab }),
    showTab: (view, tab) => (view.tab === tab ? leave() : view.tab),

    keepView: (figure) => {
      if (!figure) {
        return leave();
      }
      keepHidden(figure);
      window.exptools.dress(figure);
      window.exptools.paint(figure.layout.meta.colors);
      return fit(figure);
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
        bands: chosen.bands,
        nonpositive: chosen.nonpositive,
        states: chosen.states,
        smooth: smoothing(chosen.smoothing, chosen.amount),
        smooth_when: chosen.when,
        together: chosen.together === "one",
        baseline: chosen.baseline || "",
        difference: chosen.difference,
        references: named(list("references"), view.metrics[0]),
        best: list("best"),
        best_mode: chosen.mode,
        clip: Boolean(chosen.clip),
        show_runs: Boolean(chosen.lines),
        summaries: list("summaries").length ? list("summaries") : view.summaries,
        rows: chosen.rows,
      };
      if (fields.x !== view.x) {
        fields.x_range = null;
        fields.x_ranges = {};
      }
      if (fields.baseline !== view.baseline || fields.difference !== view.difference) {
        fields.y_ranges = {}; // they were of other numbers
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
        together: view.together ? "one" : "apart",
        baseline: view.baseline || null,
      };
      if (typing || (shown.where || "").trim() === view.where) {
        values.where = shown.where; // its spaces are somebody's who is typing
      }
      const told = ({ id }) => (same(values[id], shown[id]) ? leave() : values[id]);
      return settle(outputs_list.map(told));
    },

    turn: (_back, _on, view) => {
      const on = window.dash_clientside.callback_context.triggered_id === "page-on";
      return changed(view, { page: Math.max(0, view.page + (on ? 1 : -1)) });
    },

    groupBy: (clicks, key, view) =>
      clicks && key ? changed(view, { by: [...(view.by || []), key], page: 0 }) : leave(),

    takeOffer: (clicks, view) =>
      clicks
        ? changed(view, { nonpositive: view.nonpositive === "symlog" ? "left-out" : "symlog" })
        : leave(),

    // The run or group of a row becomes the baseline, or none where it was.
    compare: (compared, view) =>
      compared
        ? changed(view, {
            baseline: view.baseline === compared.name ? "" : compared.name,
            y_ranges: {},
          })
        : leave(),

    open: (opened, view) =>
      opened ? changed(view, { tab: "run", run: opened.run }) : leave(),
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
      stopTyping();
      typing = setTimeout(() => {
        typing = 0;
        tell("typed", { data: target.value });
      }, PAUSE);
    }
  });

  // A page that nobody sees asks for nothing.
  // A dialog's head is no banner beside the page's own.
  document.addEventListener("focusin", ({ target }) => {
    const dialog = target.closest?.("[role=dialog]");
    dialog?.querySelector("header")?.setAttribute("role", "presentation");
  });

  document.addEventListener("visibilitychange", () => tell("clock", { disabled: document.hidden }));

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
