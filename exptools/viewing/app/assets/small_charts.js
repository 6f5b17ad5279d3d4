// The questions that the page asks for its small charts: of those that come into view, a few at a time,
// after the chart has its answer.
(() => {
  const QUESTIONS = 2; // at once
  const TOGETHER = 4; // charts in a question
  // New rows alone are no reason to ask for so many times as long as the last round took, or so long.
  const REST = 4;
  const LONGEST_REST = 15000; // ms
  const ELSEWHERE = [
    ...["tab", "metrics", "rows", "summaries", "columns", "sort", "run", "chart", "show_runs"],
    ...["all_metrics", "search", "folded", "options", "notes"],
    ...["media_step", "media_search", "media_kinds", "media_columns", "media_layout"],
    ...["media_size", "histograms"],
  ];

  const config = JSON.parse(document.getElementById("_dash-config").textContent);
  const route = `${config.requests_pathname_prefix}_small-charts`;
  const byId = (id) => document.getElementById(id);

  let view = null;
  let defaults = {};
  let version = 0;
  const seen = new Set(); // cells in view, or nearly
  let questions = 0; // that are not answered yet
  let started = 0; // when the present round began, 0 between two
  let resting = 0; // until then a newer version alone is no reason to ask

  // What a chart is painted from: all of the view that it shows, and the runs as they are. Only where
  // there are too many groups does the first metric of the chart say which of them are drawn.
  const query = () => {
    const usual = Object.fromEntries(ELSEWHERE.map((name) => [name, defaults[name]]));
    const ranked = byId("pager")?.hidden === false;
    const metrics = ranked ? view.metrics.slice(0, 1) : [];
    return window.exptools.queryOf({ ...view, ...usual, metrics }, defaults, Infinity);
  };

  const isChartBusy = () => byId("busy")?.hidden === false;
  const isOld = (cell, asked) => cell.query !== undefined && cell.query !== asked;
  const isDue = (cell, asked) =>
    cell.asked !== `${asked} ${version}` &&
    (cell.query !== asked || (cell.version !== version && Date.now() >= resting));

  // What is not of the present view is seen to be old.
  const mark = (cells, asked = query()) =>
    cells.forEach((cell) => cell.button.classList.toggle("stale", isOld(cell, asked)));

  const pump = () => {
    if (!view?.all_metrics || isChartBusy()) {
      return;
    }
    const asked = query();
    mark(seen, asked);
    while (questions < QUESTIONS) {
      const due = [...seen].filter((cell) => isDue(cell, asked)).slice(0, TOGETHER);
      if (!due.length) {
        break;
      }
      started ||= Date.now();
      ask(due, asked, version);
    }
    if (started && !questions) {
      resting = Date.now() + Math.min(LONGEST_REST, REST * (Date.now() - started));
      started = 0;
      setTimeout(pump, resting - Date.now());
    }
  };

  const ask = async (due, asked, ofVersion) => {
    const question = `${asked} ${ofVersion}`;
    due.forEach((cell) => {
      cell.asked = question;
    });
    questions += 1;
    try {
      const answer = await fetch(route, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          view: asked,
          metrics: due.map((cell) => cell.metric),
          have: due.map((cell) => cell.digest),
        }),
      });
      if (!answer.ok) {
        throw new Error(`the server answers ${answer.status}`);
      }
      const { charts } = await answer.json();
      const isOvertaken = asked !== query();
      due.forEach((cell, at) => {
        if (cell.asked === question && isOvertaken) {
          cell.asked = "";
        } else if (cell.asked === question) {
          Object.assign(cell, { query: asked, version: ofVersion });
          show(cell, charts[at]);
        }
      });
    } catch (error) {
      const says = `This chart could not be fetched: ${error.message}.`;
      due.forEach((cell) => show(cell, { digest: "", html: "", says, rows: 1 }));
    } finally {
      questions -= 1;
      pump();
    }
  };

  const show = (cell, chart) => {
    if (chart.html === undefined) {
      return; // it is as it was
    }
    cell.digest = chart.digest;
    cell.button.title = `${cell.metric}\n${chart.says}`;
    cell.button.style.setProperty("--rows", chart.rows);
    cell.picture.classList.toggle("empty", !chart.html);
    if (chart.html) {
      cell.picture.innerHTML = chart.html; // in which the server has escaped all texts
    } else {
      cell.picture.textContent = chart.says;
    }
  };

  window.exptools.smallCharts = {
    // The view and the runs that they are to show.
    follow: (now, ofVersion, usual) => {
      [view, version, defaults] = [now, ofVersion, usual];
    },

    // A cell comes into view, or leaves it.
    see: (cell, isSeen) => seen[isSeen ? "add" : "delete"](cell),

    mark,
    pump,
  };

  // Once the chart has its answer it is our turn.
  const turn = new MutationObserver(pump);
  const awaitChart = new MutationObserver(() => {
    if (byId("busy")) {
      awaitChart.disconnect();
      turn.observe(byId("busy"), { attributes: true, attributeFilter: ["hidden"] });
    }
  });
  awaitChart.observe(document.documentElement, { childList: true, subtree: true });
})();
