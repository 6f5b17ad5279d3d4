// The page's start: the server has painted a first picture, and its first answer is on its way while
// the scripts still start. The chart takes the picture's place, and then the table comes.
(() => {
  const { leave, answer, plot } = window.exptools; // of page.js, which is loaded before
  const LONGEST = 15000; // ms until what waits for the chart comes, if none is drawn

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

  // The server has painted a first page. It lies over the app until that says and shows the same:
  // first its controls, and once the chart is drawn the picture, too.
  const firstPicture = () => document.getElementById("first-picture");
  let isDrawn = false;
  let isFilled = false;
  const place = () => {
    const [picture, chart] = [firstPicture(), document.getElementById("chart")];
    if ((chart && (isFilled || !picture)) || document.querySelector("._dash-error")) {
      if (picture && picture.parentNode !== chart) {
        chart?.append(picture);
      }
      document.querySelectorAll(".first-page").forEach((page) => page.remove());
    }
    if (isDrawn || chart?.classList.contains("empty")) {
      drawn();
    }
  };
  const filled = () => {
    isFilled = true;
    place();
  };
  const { show } = window.dash_clientside.exptools;
  window.dash_clientside.exptools.show = (...values) => {
    requestAnimationFrame(() => requestAnimationFrame(filled));
    return show(...values);
  };
  // Whoever does not wait shall see what the app does.
  ["pointerdown", "keydown"].forEach((kind) => document.addEventListener(kind, filled, true));
  setTimeout(filled, LONGEST);

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
    setTimeout(() => fetchTables(), LONGEST);
  }

  const drawn = () => {
    isDrawn = true;
    isFilled = true;
    firstPicture()?.remove();
    fetchTables();
  };

  answer("exptools", {
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
  });

  new MutationObserver(() => {
    place();
    const shown = plot();
    if (shown?.on && !shown.dataset.timed) {
      shown.dataset.timed = "yes";
      shown.on("plotly_afterplot", () => shown.data.length && drawn()); // the first one is empty
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
