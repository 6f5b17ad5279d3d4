// The two things that only the browser knows: its colours, and how the user has turned the chart.
window.exptools = {
  colors: () => document.documentElement.dataset.mantineColorScheme,

  // The view with some fields chosen, where they were not so before.
  chosen: (view, fields) => {
    const changed = Object.entries(fields).filter(
      ([name, value]) => JSON.stringify(view[name]) !== JSON.stringify(value),
    );
    return changed.length
      ? { ...view, ...Object.fromEntries(changed) }
      : window.dash_clientside.no_update;
  },

  // Put the view's query into the address. The first one belongs to the visit that is there; each
  // later one is a step that the back button undoes.
  remember: (query) => {
    const search = query ? `?${query}` : "";
    if (search === window.location.search) {
      window.exptools.visited = true;
      return;
    }
    const step = window.exptools.visited ? "pushState" : "replaceState";
    window.history[step](null, "", window.location.pathname + search);
    window.exptools.visited = true;
  },

  // Dash hands a zoomed layout back to Plotly as if the app had zoomed, and Plotly's own
  // uirevision then forgets that it was the user. So zoom and hidden lines are carried over here.
  keepView: (figure) => {
    const shown = document.querySelector("#curves .js-plotly-plot");
    if (!shown?.layout || !figure) {
      return figure;
    }
    for (const name of ["xaxis", "yaxis"]) {
      const before = shown.layout[name];
      const axis = figure.layout[name];
      if (before?.autorange === false && before.uirevision === axis.uirevision) {
        axis.range = [...before.range];
        axis.autorange = false;
      }
    }
    if (shown.layout.legend?.uirevision === figure.layout.legend.uirevision) {
      const hidden = shown.data.filter((trace) => trace.visible === "legendonly");
      const names = new Set(hidden.map((trace) => trace.uid));
      figure.data.filter((trace) => names.has(trace.uid)).forEach((trace) => {
        trace.visible = "legendonly";
      });
    }
    return figure;
  },
};

// Light or dark is settled by the switch or by the system; the chart is drawn on the server.
new MutationObserver(() => {
  window.dash_clientside?.set_props?.("colors", { data: window.exptools.colors() });
}).observe(document.documentElement, {
  attributes: true,
  attributeFilter: ["data-mantine-color-scheme"],
});

window.addEventListener("popstate", () => {
  window.dash_clientside.set_props("address", { data: window.location.search });
});
