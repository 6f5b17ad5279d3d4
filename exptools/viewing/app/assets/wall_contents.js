// What is in the tiles: those that are in view are asked for, a few at a time, and kept for a while, so
// that a step back shows at once what was there.
(() => {
  const { wall } = window.exptools; // of wall.js
  const QUESTIONS = 3; // at once
  const TOGETHER = 8; // tiles in a question
  const KEPT = 400; // tiles
  const AHEAD = 24; // tiles of the steps beside the present one, once there is nothing else to ask

  const config = JSON.parse(document.getElementById("_dash-config").textContent);
  const route = `${config.requests_pathname_prefix}_media-tiles`;

  const kept = new Map(); // nodes by what they show, the one used last at the end
  const asked = new Set();
  const cells = new Set(); // in view, or nearly
  let neighbours = () => []; // what to ask for ahead
  let questions = 0;

  const keep = (want, node) => {
    kept.delete(want);
    kept.set(want, node);
    const shown = new Set([...cells].map((cell) => cell.want));
    for (const [old, one] of kept) {
      if (kept.size <= KEPT) {
        break;
      }
      if (!shown.has(old)) {
        wall.drop(one);
        one.remove();
        kept.delete(old);
      }
    }
  };

  const put = async (cell) => {
    const node = kept.get(cell.want);
    const { want } = cell;
    keep(want, node);
    await Promise.race([wall.settled(node), new Promise((done) => setTimeout(done, 1500))]);
    if (cell.want === want && kept.get(want) === node && cells.has(cell)) {
      cell.tile.replaceChildren(node);
      cell.tile.classList.remove("is-old");
      wall.drawGraphs(node);
      cell.isFilled?.();
    }
  };

  const nodeOf = (tile) => Object.assign(wall.nodeOf(tile), { said: JSON.stringify(tile) });

  // Of a run that goes on most tiles stay as they were: a film plays on.
  const shownAlready = (want, tile) => {
    const cell = [...cells].find((one) => one.want === want);
    const node = cell?.tile.firstChild;
    return node?.said === JSON.stringify(tile) ? node : null;
  };

  const wanted = () => {
    const due = [...cells].map((cell) => cell.want);
    const all = due.filter((want) => want && !kept.has(want) && !asked.has(want));
    if (all.length || questions) {
      return [...new Set(all)];
    }
    const beside = neighbours().filter((want) => want && !kept.has(want) && !asked.has(want));
    return [...new Set(beside)].slice(0, AHEAD);
  };

  const pump = () => {
    while (questions < QUESTIONS) {
      const due = wanted().slice(0, TOGETHER);
      if (!due.length) {
        return;
      }
      ask(due);
    }
  };

  const ask = async (due) => {
    due.forEach((want) => asked.add(want));
    questions += 1;
    let tiles = [];
    try {
      const answer = await fetch(route, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          tiles: due.map((want) => JSON.parse(want).slice(0, 5)),
          colors: document.documentElement.dataset.mantineColorScheme,
        }),
      });
      if (!answer.ok) {
        throw new Error(`the server answers ${answer.status}`);
      }
      ({ tiles } = await answer.json());
      tiles.forEach((tile, at) => keep(due[at], shownAlready(due[at], tile) || nodeOf(tile)));
    } catch (error) {
      const says = `This could not be fetched: ${error.message}.`;
      const node = { type: "P", props: { className: "run-nothing", children: says } };
      const lost = [...cells].filter((cell) => due.includes(cell.want));
      lost.forEach((cell) => cell.tile.replaceChildren(wall.nodeOf({ node })));
      setTimeout(pump, 5000);
      tiles = due; // to be asked again then, not at once
      setTimeout(() => due.forEach((want) => asked.delete(want)), 4900);
    } finally {
      questions -= 1;
      due.slice(0, tiles === due ? 0 : due.length).forEach((want) => asked.delete(want));
      cells.forEach((cell) => due.includes(cell.want) && kept.has(cell.want) && put(cell));
      pump();
    }
  };

  Object.assign(wall, {
    // A cell is to show something else, "" for nothing.
    show: (cell, want) => {
      if (cell.want === want) {
        return;
      }
      cell.want = want;
      if (!want) {
        cell.tile.replaceChildren();
        cell.tile.classList.remove("is-old");
      } else if (kept.has(want)) {
        put(cell);
      } else {
        cell.tile.classList.add("is-old");
      }
    },

    // A cell comes into view, or leaves it.
    see: (cell, isSeen) => {
      if (isSeen === cells.has(cell)) {
        return;
      }
      cells[isSeen ? "add" : "delete"](cell);
      if (!isSeen) {
        cell.want = undefined;
        cell.tile.classList.remove("is-old");
      }
    },

    seen: cells,
    pump,
    ahead: (find) => {
      neighbours = find;
    },
  });
})();
