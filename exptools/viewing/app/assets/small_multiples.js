// All metrics at once, as small charts that the server paints: the section, its groups and its cells.
// small_charts.js asks for the pictures.
(() => {
  const { same, leave, settle, answer, chooser, tell } = window.exptools; // of page.js, which is loaded before
  const { follow, see, mark, pump } = window.exptools.smallCharts;

  const AHEAD = "200px 0px"; // so far from the window charts are painted, too
  const FEW = 3; // so many of a prefix share a row with other prefixes
  const { choose, take, chosenIn } = chooser("chosen-metrics");
  const PAUSE = 350; // ms, after what was typed last
  const LONGEST = 34; // characters of a name
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text = "") => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
  };

  let view = null;
  const cells = new Map(); // by metric
  const groups = new Map(); // by prefix, in their order
  let typing = 0;

  const observer = new IntersectionObserver(
    (entries) => {
      entries.forEach(({ target, isIntersecting }) => {
        see(cells.get(target.dataset.metric), isIntersecting);
      });
      pump();
    },
    { rootMargin: AHEAD, scrollMargin: AHEAD },
  );

  // The cells, which stay the same for as long as there are their metrics.

  const prefixOf = (metric) => metric.slice(0, Math.max(0, metric.indexOf("/")));
  const short = (name) =>
    name.length <= LONGEST ? name : `${name.slice(0, 12)}…${name.slice(13 - LONGEST)}`;

  const makeCell = (metric) => {
    const prefix = prefixOf(metric);
    const button = make("button", "small-chart");
    button.type = "button";
    button.dataset.metric = metric;
    button.title = metric;
    button.setAttribute("aria-label", metric);
    const name = make("b", "small-name", short(prefix ? metric.slice(prefix.length + 1) : metric));
    const picture = make("span", "small-picture");
    button.append(name, picture);
    return { metric, button, picture, digest: "", asked: "" };
  };

  const makeGroup = (prefix) => {
    const details = make("details", "small-group");
    details.dataset.prefix = `${prefix}/`; // as the view has it
    const summary = make("summary", "");
    const count = make("span", "");
    const grid = make("div", "small-grid");
    summary.append(make("h3", "", prefix ? `${prefix}/` : "no prefix"), count);
    details.append(summary, grid);
    return { details, count, grid };
  };

  // Those without a prefix come first, then each prefix where its first metric has its place.
  const arrange = (metrics) => {
    const prefixes = [...new Set(["", ...metrics.map(prefixOf)])];
    const wanted = new Set(metrics);
    [...cells].filter(([metric]) => !wanted.has(metric)).forEach(([metric, cell]) => {
      observer.unobserve(cell.button);
      see(cell, false);
      cells.delete(metric);
    });
    const grids = new Map(prefixes.map((prefix) => [prefix, []]));
    metrics.forEach((metric) => {
      if (!cells.has(metric)) {
        cells.set(metric, makeCell(metric));
        observer.observe(cells.get(metric).button);
      }
      grids.get(prefixOf(metric)).push(cells.get(metric).button);
    });
    prefixes.forEach((prefix) => {
      if (!groups.has(prefix)) {
        groups.set(prefix, makeGroup(prefix));
      }
      groups.get(prefix).grid.replaceChildren(...grids.get(prefix));
    });
    byId("small-charts").replaceChildren(...prefixes.map((prefix) => groups.get(prefix).details));
  };

  let arranged = null;

  const wordsOf = (search) => search.toLowerCase().split(/\s+/).filter(Boolean);

  // Which cells are there, by what is searched; returns how many.
  const filter = (search) => {
    const words = wordsOf(search);
    let all = 0;
    groups.forEach(({ details, count, grid }) => {
      const buttons = [...grid.children];
      buttons.forEach((button) => {
        const name = button.dataset.metric.toLowerCase();
        button.hidden = !words.every((word) => name.includes(word));
      });
      const found = buttons.filter((button) => !button.hidden).length;
      details.hidden = !found;
      details.toggleAttribute("data-few", found <= FEW);
      details.style.setProperty("--few", found);
      count.textContent = words.length ? `${found} of ${buttons.length}` : buttons.length;
      all += found;
    });
    return all;
  };

  let said = [];
  const news = (values) => {
    const before = said;
    said = values;
    return settle(values.map((value, at) => (value === before[at] ? leave() : value)));
  };

  const none = (search, found) => (found ? "" : `No metric has “${search}” in its name.`);

  answer("exptools_multiples", {
    // The view in the section: what is open, folded, searched, which metrics the chart above has.
    show: (now, ofVersion, metrics, usual, typed) => {
      const names = (metrics || []).flatMap((one) => one.items || [one]); // some under a heading
      const before = view;
      view = now;
      follow(now, ofVersion, usual);
      byId("all-metrics").open = now.all_metrics;
      const field = typing || (typed || "").trim() === now.search ? leave() : now.search;
      if (!now.all_metrics) {
        return news([`${names.length}`, field, names.length < 2, ""]);
      }
      if (!same(arranged, names)) {
        arranged = names;
        arrange(names);
      }
      const found = filter(typing ? byId("metric-search").value : now.search);
      groups.forEach(({ details }, prefix) => {
        const isAlone = !prefix && names.every((name) => !prefixOf(name));
        details.classList.toggle("alone", isAlone); // without a heading
        details.open = isAlone || !now.folded.includes(`${prefix}/`);
      });
      byId("small-charts").classList.toggle("split", now.split.length > 0);
      cells.forEach((cell) => {
        const isShown = now.metrics.includes(cell.metric);
        if (isShown) {
          cell.button.setAttribute("aria-current", "true");
        } else {
          cell.button.removeAttribute("aria-current");
        }
      });
      mark(cells);
      setTimeout(pump, before ? 60 : 0); // by then the chart has asked
      return news([
        found < names.length ? `${found} of ${names.length}` : `${names.length}`,
        field,
        names.length < 2,
        none(now.search, found),
      ]);
    },

    choose: take,
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".small-chart");
    const summary = event.target.closest?.("#all-metrics summary");
    if (button) {
      choose({ metrics: [button.dataset.metric] });
      bringChart();
    } else if (summary) {
      event.preventDefault(); // the view says what is open
      const prefix = summary.parentElement.dataset.prefix;
      const { folded, all_metrics } = chosenIn(view);
      const others = folded.filter((one) => one !== prefix);
      choose(
        prefix === undefined
          ? { all_metrics: !all_metrics }
          : { folded: others.length < folded.length ? others : [...others, prefix] },
      );
    }
  });

  // The chart that somebody has chosen, if most of it is out of view.
  const bringChart = () => {
    const { bottom, height } = byId("chart").getBoundingClientRect();
    if (bottom < height / 3) {
      byId("chart").scrollIntoView({ block: "start" });
    }
  };

  document.addEventListener("input", ({ target }) => {
    if (target.id === "metric-search") {
      const search = target.value.trim();
      const found = filter(search);
      tell("no-metric", { children: none(search, found) });
      clearTimeout(typing);
      typing = setTimeout(() => {
        typing = 0;
        choose({ search });
      }, PAUSE);
    }
  });
})();
