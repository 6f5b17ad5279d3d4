// What needs no server in the tab Charts: its controls as a view, clicks on runs, the zoom.
(() => {
  const { same, leave, settle, answer, changed, fit } = window.exptools;
  const shared = ["by", "center", "band", "states"]; // with the curves; the other controls are options
  let said = null; // what the server drew the controls with, or told those that stay

  answer("exptools_charts", {
    // An address may have a chart that there is not: then it is the first one.
    showKind: (view, shown) => {
      const kinds = [...document.querySelectorAll("#chart-kind input")].map((input) => input.value);
      const kind = kinds.includes(view.chart) ? view.chart : kinds[0];
      return kind === undefined || kind === shown ? leave() : kind;
    },

    choose: (chart, view) => (chart ? changed(view, { chart }) : leave()),

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
        } else if (name === "of" || name === "over") {
          Object.assign(options, { of: chosen.of, over: chosen.over }); // a pair stays one
        } else {
          options[name] = Array.isArray(value) ? value.join("\n") : value;
        }
      });
      return changed(view, { ...fields, options });
    },

    // What the view says anew, in the controls that say something else. Those that were drawn anew
    // say it, and any other value was chosen a moment ago: to be taken, not to be taken back.
    say: (drawn, values) => {
      const before = said;
      said = drawn;
      const given = window.dash_clientside.callback_context.outputs_list;
      const stay = drawn?.kinds === before?.kinds;
      const settled = given.map(({ id }, at) => {
        const value = drawn?.[id.name];
        const known = id.name === "number" ? Number(value) : value;
        const anew = stay && !same(value, before?.[id.name]);
        return value === undefined || !anew || same(known, values[at]) ? leave() : known;
      });
      return settle(settled);
    },

    // A dot, bar or line that stands for a run opens it.
    open: (click, view) => {
      const name = click?.points?.[0]?.customdata;
      return typeof name === "string" && view.chart !== "sweeps"
        ? changed(view, { tab: "run", run: name })
        : leave();
    },

    // Zoomed axes stay as they were for as long as the chart shows the same.
    keepZoom: (figure) => {
      const shown = document.querySelector("#chart-graph .js-plotly-plot")?.layout;
      if (figure && shown?.meta === figure.layout.meta) {
        Object.entries(figure.layout).forEach(([name, axis]) => {
          if (/^[xy]axis/.test(name) && shown[name]?.autorange === false && !axis.range) {
            axis.range = [...shown[name].range];
            axis.autorange = false;
          }
        });
      }
      return fit(figure);
    },
  });
})();
