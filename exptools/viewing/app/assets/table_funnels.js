// The funnels in the heads of the table's columns: each is a part of the filter over the chart, which
// the server writes and reads. And the columns as a hand has moved, pinned or resized them.
(() => {
  const { same, leave, answer, changed, tell, stopTyping, table, isNarrow } = window.exptools; // of page.js, table.js

  const BY_HAND = /^(ui|autosize|columnMenu|contextMenu)/;
  const box = () => document.getElementById("where");
  let pending = {}; // what somebody has chosen in funnels, by column, until the filter has it
  let where = ""; // the view's
  let said; // by the server: what the funnels say in a filter

  // Days as the server has them: the seconds from the first one's start to the last one's end.
  const seconds = (day, days) => {
    const date = new Date(`${day.slice(0, 10)}T00:00:00`);
    date.setDate(date.getDate() + days);
    return date.getTime() / 1000;
  };
  const dayOf = (time) => {
    const date = new Date(time * 1000);
    const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
    return `${parts.map((part) => `${part}`.padStart(2, "0")).join("-")} 00:00:00`;
  };
  const forServer = (model) =>
    model?.dateFrom
      ? {
          filterType: "date",
          type: model.type,
          from: seconds(model.dateFrom, 0),
          to: seconds(model.dateTo || model.dateFrom, 1),
        }
      : model;
  const forGrid = ({ from, to, ...model }) =>
    from === undefined
      ? model
      : {
          ...model,
          dateFrom: dayOf(model.type === "greaterThan" ? to - 1 : from),
          dateTo: model.type === "inRange" ? dayOf(to - 1) : null,
        };

  const inOrder = (models) =>
    JSON.stringify(models, (_name, value) =>
      value && typeof value === "object" && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort())
        : value,
    );

  // Only what the box holds, and never under somebody's hands.
  const showFunnels = () => {
    const api = table();
    if (!api) {
      return;
    }
    if (!api.getGridOption("alwaysPassFilter")) {
      api.setGridOption("alwaysPassFilter", () => true); // the server has filtered already
    }
    const busy = Object.keys(pending).length || document.activeElement?.closest(".ag-filter");
    if (busy || said?.where !== where) {
      return;
    }
    const wanted = {};
    Object.entries(said.models).forEach(([column, model]) => {
      wanted[column] = forGrid(model);
    });
    if (inOrder(api.getFilterModel()) !== inOrder(wanted)) {
      api.setFilterModel(wanted);
    }
  };

  Object.assign(window.exptools, {
    showFunnels,
    filterIs: (now) => {
      where = now;
      showFunnels();
    },
    funneled: ({ api, source, columns }) => {
      if (source !== "columnFilter") {
        setTimeout(showFunnels); // the table may have brought back what it had before
        return;
      }
      columns.forEach((column) => {
        pending[column.getColId()] = forServer(api.getColumnFilterModel(column.getColId()));
      });
      stopTyping();
      tell("funneled", { data: { models: { ...pending }, text: box().value } });
    },
    arranged: ({ api, source, finished }) => {
      if (BY_HAND.test(source) && finished !== false) {
        const part = ({ colId, pinned, width, flex }) => ({ colId, pinned, width, flex });
        tell("arranged", { data: { columns: api.getColumnState().map(part), narrow: isNarrow() } });
      }
    },
  });

  answer("exptools", {
    // If somebody has typed meanwhile, the funnels go into what is there now.
    funnel: (filtered, view) => {
      if (!filtered) {
        return leave();
      }
      if (box().value !== filtered.text) {
        stopTyping();
        tell("funneled", { data: { models: { ...pending }, text: box().value } });
        return leave();
      }
      Object.entries(filtered.models).forEach(([column, model]) => {
        if (same(pending[column], model)) {
          delete pending[column];
        }
      });
      setTimeout(showFunnels);
      return changed(view, { where: filtered.where.trim(), page: 0 });
    },
    showFunnels: (funnels) => {
      said = funnels;
      showFunnels();
    },
  });

  document.addEventListener("focusout", () => setTimeout(showFunnels));
})();
