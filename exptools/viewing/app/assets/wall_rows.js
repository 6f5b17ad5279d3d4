// The rows and cells of the wall. A row has its cells while it is near the window, and a cell has its
// content while it is in view.
(() => {
  const { wall } = window.exptools; // of wall.js
  const NEAR = "900px"; // so far from the window rows have their cells
  const AHEAD = "150px"; // and cells their contents

  const make = (tag, className, text = "") => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
  };

  const rows = new Map(); // by kind and tag
  let data = null; // the wall, as the server says it
  let drawCell = () => {};
  const cellOf = new WeakMap();
  const rowOf = new WeakMap();

  const margins = (room) => ({ rootMargin: room, scrollMargin: room });
  const cellsSeen = new IntersectionObserver((entries) => {
    entries.forEach(({ target, isIntersecting }) => {
      const cell = cellOf.get(target);
      wall.see(cell, isIntersecting);
      if (isIntersecting) {
        drawCell(cell);
      }
    });
    wall.pump();
  }, margins(AHEAD));
  const rowsSeen = new IntersectionObserver((entries) => {
    entries.forEach(({ target, isIntersecting }) => {
      const row = rowOf.get(target);
      row.isNear = isIntersecting;
      fill(row);
    });
  }, margins(NEAR));

  const runButton = (column) => {
    const button = make("button", `wall-run state ${column.style}`);
    button.type = "button";
    button.dataset.run = column.run;
    button.title = `${column.run}\n${column.state}: open the run`;
    // Names may be written in either direction: in a bdi they turn nothing around them.
    button.append(make("bdi", "wall-name", column.label || column.name));
    const more = make("span", "wall-beside");
    const said = [
      column.of > 1 && `1 of ${column.of} runs`,
      !["finished", "no status"].includes(column.state) && column.state,
    ].filter(Boolean);
    if (column.label) {
      more.append(make("bdi", "", column.name), ...said.map((text) => ` · ${text}`));
    } else {
      more.append(said.join(" · "));
    }
    more.title = more.textContent;
    const head = make("div", "wall-head");
    head.append(button, more);
    return head;
  };

  // All that a run's head says.
  const looks = ({ state, style, label, name, of }) =>
    JSON.stringify([state, style, label, name, of]);

  const makeCell = (row, column) => {
    const figure = make("figure", `wall-cell is-${row.kind}`);
    const caption = make("figcaption", "");
    const said = make("span", "wall-step");
    caption.append(runButton(column), said);
    const tile = make("div", "wall-tile");
    figure.append(caption, tile);
    const cell = { figure, caption, said, tile, row, column, steps: [] };
    cellOf.set(figure, cell);
    return cell;
  };

  const dropCell = (cell) => {
    if (!cell.column) {
      return; // where a run has nothing of a tag
    }
    cellsSeen.unobserve(cell.figure);
    wall.see(cell, false);
    cell.tile.replaceChildren();
  };

  // The cells of a row that is near; of one that is far only the room that they take.
  const fill = (row) => {
    if (!row.isNear) {
      if (row.cells.size) {
        row.box.style.minHeight = `${row.box.offsetHeight}px`;
        row.cells.forEach(dropCell);
        row.cells.clear();
        row.box.replaceChildren();
      }
      return;
    }
    row.box.style.minHeight = "";
    const places = new Map(row.now.cells);
    const isTable = row.isTable;
    const wanted = [];
    data.columns.forEach((column, at) => {
      const has = places.has(at);
      if (!has && !isTable) {
        return;
      }
      const key = `${column.run}${has ? "" : "\n"}`;
      let cell = row.cells.get(key);
      if (!cell) {
        cell = has ? makeCell(row, column) : { figure: make("div", "wall-cell is-none", "–") };
        row.cells.set(key, cell);
      }
      if (has) {
        if (looks(cell.column) !== looks(column)) {
          cell.caption.firstChild.replaceWith(runButton(column));
        }
        cell.column = column;
        cell.steps = data.steps[places.get(at)];
        cellsSeen.observe(cell.figure);
        if (wall.seen.has(cell)) {
          drawCell(cell);
        }
      }
      wanted.push([key, cell]);
    });
    const keys = new Set(wanted.map(([key]) => key));
    [...row.cells].filter(([key]) => !keys.has(key)).forEach(([key, cell]) => {
      dropCell(cell);
      row.cells.delete(key);
    });
    arrange(row.box, wanted.map(([, cell]) => cell.figure));
  };

  const arrange = (box, children) => {
    const isSame =
      box.children.length === children.length && children.every((c, at) => box.children[at] === c);
    if (!isSame) {
      box.replaceChildren(...children);
    }
  };

  const makeRow = ({ kind, tag }) => {
    const element = make("section", `wall-row is-${kind}`);
    const head = make("h2", "wall-tag");
    const name = make("bdi", "");
    name.append(...tag.split(/(?<=[/._-])/).flatMap((part) => [part, make("wbr", "")]));
    head.append(name, make("small", "", kind === "gif" ? "GIF" : kind));
    head.title = tag;
    const box = make("div", "wall-cells");
    element.append(head, box);
    const row = { kind, tag, element, box, cells: new Map(), isNear: false };
    rowOf.set(element, row);
    rowsSeen.observe(element);
    return row;
  };

  const nameOf = ({ kind, tag }) => `${kind}\n${tag}`;

  Object.assign(wall, {
    make,

    // Lay out the rows that are shown, and return them. ``draw`` puts into a cell what it shows.
    layOut: (place, now, shown, isTable, draw) => {
      [data, drawCell] = [now, draw];
      const names = new Set(shown.map(nameOf));
      [...rows].filter(([name]) => !names.has(name)).forEach(([name, row]) => {
        rowsSeen.unobserve(row.element);
        row.cells.forEach(dropCell);
        rows.delete(name);
      });
      const all = shown.map((one) => {
        if (!rows.has(nameOf(one))) {
          rows.set(nameOf(one), makeRow(one));
        }
        const row = rows.get(nameOf(one));
        Object.assign(row, { now: one, isTable });
        fill(row);
        return row;
      });
      const heads = make("div", "wall-heads");
      heads.append(make("div", "wall-tag"), ...(isTable ? now.columns : []).map(runButton));
      const focused = document.activeElement?.closest?.(".wall-heads") && document.activeElement;
      const old = place.querySelector(":scope > .wall-heads");
      if (old && old.innerHTML === heads.innerHTML) {
        arrange(place, [old, ...all.map((row) => row.element)]);
      } else {
        arrange(place, [heads, ...all.map((row) => row.element)]);
        if (focused) {
          place.querySelector(`[data-run="${CSS.escape(focused.dataset.run)}"]`)?.focus();
        }
      }
    },
  });
})();
