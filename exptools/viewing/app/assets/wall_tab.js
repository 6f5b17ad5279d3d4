// The tab Media: which runs and tags are on the wall, its controls as a view, and its keys. The scripts
// before this one have its tiles, rows and steps.
(() => {
  const { wall, same, leave, settle, answer, chooser, changed, tell } = window.exptools;
  const PAUSE = 350; // ms, after what was typed last
  const RULING = ["where", "states", "selected", "by", "split", "media_columns"];
  const KINDS = {
    image: "Images", gif: "GIFs", video: "Videos", audio: "Audio", figure: "Figures",
    table: "Tables", histogram: "Histograms", text: "Texts",
  };
  const COLORED = ["figure", "histogram"]; // drawn for light or dark

  const byId = (id) => document.getElementById(id);

  let view = null;
  let defaults = {};
  let known = null; // the wall as the server said it last
  let asked = ""; // for what
  let typing = 0;

  wall.view = () => view; // the page's, whichever tab is open
  const isOpen = () => view?.tab === "media";
  const { choose, take, chosenIn } = chooser("media-chosen");

  const query = () => window.exptools.queryOf({ ...view, notes: [] }, defaults, Infinity);
  const fetchWall = () => {
    if (!wall.known()) {
      byId("media-empty").textContent = "Reading what the runs have logged …";
    }
    wall.fetchWall(query, (failure) => {
      known = wall.known();
      if (known) {
        apply();
      } else {
        byId("media-empty").textContent = failure;
      }
    });
  };

  const isChosen = ({ kind, tag }) => {
    const words = (typing ? byId("media_search").value : view.media_search).toLowerCase();
    return (
      (!view.media_kinds.length || view.media_kinds.includes(kind)) &&
      words.split(/\s+/).every((word) => tag.toLowerCase().includes(word))
    );
  };

  const colors = () => document.documentElement.dataset.mantineColorScheme;

  // What a cell shows at a step, as the server is asked for it; and which step that is.
  const stepAt = (cell, step) => cell.steps[wall.lastUpTo(cell.steps, step)];
  const want = ({ row, column, steps }, step) => {
    const isOverTime = row.kind === "histogram" && view.histograms !== "step";
    const [ofStep, way] = isOverTime ? [steps.at(-1), view.histograms] : [step, "step"];
    const ofColors = COLORED.includes(row.kind) && !isOverTime ? colors() : "";
    return JSON.stringify([
      ...[column.run, row.kind, row.tag, ofStep, way],
      ...[ofColors, column.version],
    ]);
  };

  const drawOverTime = (cell, shown) => {
    const number = cell.steps.length;
    cell.said.textContent = number === 1 ? "1 step" : `${wall.number(number)} steps`;
    cell.said.className = "wall-step";
    cell.isFilled = () => point(cell, shown);
    wall.show(cell, want(cell, shown));
    point(cell, shown);
  };

  const drawCell = (cell) => {
    const step = wall.steps.step();
    const shown = stepAt(cell, step);
    if (cell.row.kind === "histogram" && view.histograms !== "step") {
      drawOverTime(cell, shown);
      return;
    }
    cell.isFilled = undefined;
    // Where nobody asks for a step it is the last one of the tag.
    const isOther = shown !== (wall.steps.isLatest() ? lastOf.get(cell.row.now) : step);
    cell.said.className = `wall-step${isOther ? " is-other" : ""}`;
    if (shown === undefined) {
      cell.said.textContent = `first at step ${wall.number(cell.steps[0])}`;
      wall.show(cell, "");
    } else {
      cell.said.textContent = `step ${wall.number(shown)}`;
      cell.said.title = isOther ? `Nothing at step ${wall.number(step)}: the last before it` : "";
      wall.show(cell, want(cell, shown));
    }
  };

  // The slice of the step among those of a histogram over time.
  const point = (cell, step) => {
    const slices = [...cell.tile.querySelectorAll("path[data-step]")];
    const at = wall.lastUpTo(slices.map((path) => Number(path.dataset.step)), step);
    slices.forEach((path, place) => path.classList.toggle("is-now", place === at));
  };

  const drawAll = () => {
    wall.seen.forEach(drawCell);
    wall.pump();
  };

  // The tiles of the steps beside the present one.
  wall.ahead(() =>
    wall.steps.near().flatMap((step) =>
      [...wall.seen].map((cell) => {
        const shown = stepAt(cell, step);
        return shown === undefined ? "" : want(cell, shown);
      }),
    ),
  );

  const kindButtons = (rows) => {
    const place = byId("media-kinds");
    const kinds = Object.keys(KINDS).filter((kind) => rows.some((row) => row.kind === kind));
    const texts = kinds.map((kind) => {
      const number = rows.filter((row) => row.kind === kind).length;
      return [kind, `${KINDS[kind]} ${wall.number(number)}`, String(view.media_kinds.includes(kind))];
    });
    place.hidden = kinds.length < 2;
    if (place.dataset.said === JSON.stringify(texts)) {
      return;
    }
    place.dataset.said = JSON.stringify(texts);
    const focused = document.activeElement?.dataset?.kind;
    place.replaceChildren(
      ...texts.map(([kind, text, pressed]) => {
        const button = wall.make("button", "wall-kind", text);
        Object.assign(button, { type: "button" });
        Object.assign(button.dataset, { kind });
        button.setAttribute("aria-pressed", pressed);
        return button;
      }),
    );
    place.querySelector(`[data-kind="${focused}"]`)?.focus();
  };

  const lastOf = new WeakMap(); // the last step of each row
  const note = (rows) =>
    rows.forEach((row) => {
      lastOf.set(row, Math.max(...row.cells.map(([, place]) => known.steps[place].at(-1))));
    });

  const allButton = () => {
    const button = wall.make("button", "wall-button", "Show all runs");
    Object.assign(button, { type: "button", id: "media-all" });
    return view.selected.length ? [button] : [];
  };

  // All of the wall, as the server and the view say it now.
  const apply = () => {
    if (!known || !isOpen()) {
      return;
    }
    const rows = known.rows.filter(isChosen);
    note(rows);
    const used = new Set(rows.flatMap((row) => row.cells.map(([, place]) => place)));
    const all = new Set([...used].flatMap((place) => known.steps[place]));
    const steps = [...all].sort((a, b) => a - b);
    wall.steps.follow(byId("media-steps"), steps, view.media_step, {
      moved: drawAll,
      commit: (step) => choose({ media_step: step }),
    });
    kindButtons(known.rows);
    byId("media-sentence").replaceChildren(known.sentence, ...allButton());
    const notes = [...view.notes, ...known.notes].map((note) => wall.make("li", "", note));
    byId("media-notes").replaceChildren(...notes);
    const search = typing ? byId("media_search").value : view.media_search;
    const none = search.trim() ? `No tag has “${search.trim()}” in it.` : "No tag is of these kinds.";
    byId("media-empty").textContent = known.empty || (rows.length ? "" : none);
    const hasHistograms = known.rows.some((row) => row.kind === "histogram");
    byId("media-tab").classList.toggle("no-histograms", !hasHistograms);
    const place = byId("media-wall");
    place.className = `in-${view.media_layout} size-${view.media_size}`;
    place.hidden = !rows.length;
    wall.layOut(place, known, rows, view.media_layout === "table", drawCell);
    if (view.media_columns === "auto") {
      tell("media_columns", { value: known.one_a_group ? "groups" : "runs" });
    }
    wall.pump();
  };

  answer("exptools_media", {
    // The view in the controls, and on the wall.
    show: (now, version, _colors, usual) => {
      const { states, outputs_list: outputs } = window.dash_clientside.callback_context;
      [view, defaults] = [now, usual];
      if (isOpen()) {
        const search = known?.is_cut ? now.media_search : "";
        const question = JSON.stringify([version, search, ...RULING.map((name) => now[name])]);
        if (question !== asked) {
          asked = question;
          fetchWall();
        }
        requestAnimationFrame(apply);
      }
      const told = ({ id }) => {
        const shown = states[`${id}.value`];
        const isOwn = id === "media_search" && (typing || (shown || "").trim() === now[id]);
        const isAuto = id === "media_columns" && now[id] === "auto";
        return isOwn || isAuto || shown === now[id] ? leave() : now[id];
      };
      return settle(outputs.map(told));
    },

    adjust: (...values) => {
      const now = values.pop();
      const given = window.dash_clientside.callback_context.inputs_list;
      const fields = Object.fromEntries(given.map(({ id }, at) => [id, values[at]]));
      const shown = known?.one_a_group ? "groups" : "runs";
      if (now.media_columns === "auto" && (!known || fields.media_columns === shown)) {
        fields.media_columns = "auto";
      }
      return changed(now, fields);
    },

    choose: take,
  });

  document.addEventListener("click", ({ target }) => {
    if (target.id === "media-all") {
      choose({ selected: [] });
    } else if (target.id === "media-options") {
      const isShown = byId("media-tab").classList.toggle("has-options");
      target.setAttribute("aria-expanded", isShown);
    }
    const kind = target.closest?.("#media-kinds button")?.dataset.kind;
    const run = target.closest?.("#media-wall .wall-run")?.dataset.run;
    if (kind) {
      const kinds = chosenIn(view).media_kinds;
      const others = kinds.filter((one) => one !== kind);
      const isMore = others.length === kinds.length;
      choose({ media_kinds: isMore ? [...others, kind] : others });
    } else if (run) {
      choose({ tab: "run", run });
    }
  });

  document.addEventListener("input", ({ target }) => {
    if (target.id === "media_search") {
      clearTimeout(typing);
      typing = setTimeout(() => {
        typing = 0;
        choose({ media_search: target.value.trim() });
      }, PAUSE);
      apply();
    }
  });

  const BUSY = "input, textarea, select, video, audio, [contenteditable], [role='slider']";
  document.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const isMore = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (by && isOpen() && !isMore && !event.target.closest?.(BUSY)) {
      event.preventDefault();
      wall.steps.go(by);
    }
  });

  setInterval(() => {
    if (isOpen() && !document.hidden && wall.isOld()) {
      fetchWall();
    }
  }, 1000);
})();
