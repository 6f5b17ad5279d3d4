// What the browser does for the tab of pictures: controls into the view, clicks into runs, zoom.
Object.assign(window.exptools, {
  // The view with what was chosen in the controls that do not show what the server drew them with.
  // A control that has just come has that value, so that to draw controls chooses nothing.
  choosePicture: (picture, values, drawn, view) => {
    const fields = {};
    const options = { ...view.options };
    const given = window.dash_clientside.callback_context.inputs_list[1];
    const chosen = Object.fromEntries(given.map(({ id }, at) => [id.name, values[at]]));
    for (const [name, value] of Object.entries(chosen)) {
      if (value === null || JSON.stringify(value) === JSON.stringify(drawn?.[name])) {
        continue;
      }
      if (name === "metric") {
        fields.metrics = [value, ...view.metrics.slice(1).filter((other) => other !== value)];
      } else if (["by", "center", "band"].includes(name)) {
        fields[name] = value;
      } else if (name === "summary") {
        options.summary = value;
      } else if (name === "number") {
        options.summary = value === "" ? chosen.summary : `${chosen.summary}:${value}`;
      } else {
        options[name] = Array.isArray(value) ? value.join("\n") : value;
      }
    }
    if (picture !== view.picture && (view.picture || picture !== drawn?.picture)) {
      fields.picture = picture;
    }
    return window.exptools.chosen(view, { ...fields, options });
  },

  // A dot, bar or line that stands for a run opens it.
  openRun: (click, view) => {
    const name = click?.points?.[0]?.customdata;
    return typeof name === "string" && view.picture !== "sweeps"
      ? window.exptools.chosen(view, { tab: "run", run: name })
      : window.dash_clientside.no_update;
  },

  // Zoomed axes stay where they were until they show something else: see keepView.
  keepZoom: (figure) => {
    const shown = document.querySelector("#picture-graph .js-plotly-plot")?.layout;
    const same = shown?.meta && shown.meta === figure?.layout?.meta;
    for (const [name, axis] of Object.entries(same ? figure.layout : {})) {
      const before = shown[name];
      if (/^[xy]axis/.test(name) && before?.autorange === false && !axis.range) {
        axis.range = [...before.range];
        axis.autorange = false;
      }
    }
    return figure;
  },
});
