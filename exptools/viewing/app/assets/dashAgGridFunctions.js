// What the table's columns call: how a value is shown. They get numbers and texts, never markup.
(() => {
  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  const short = (functions.short = (value, digits = 6) =>
    typeof value === "number" ? String(Number(value.toPrecision(digits))) : value);

  // As exptools.units.format_duration says it.
  functions.duration = (seconds) => {
    const tenths = Math.round(seconds * 10);
    if (tenths < 600) {
      return `${tenths / 10} s`;
    }
    const whole = Math.round(seconds);
    const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const at = units.findIndex(([, length]) => whole >= length);
    const [[large, length], [small, part]] = units.slice(at);
    const rest = Math.floor((whole % length) / part);
    return `${Math.floor(whole / length)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
  };

  functions.time = (seconds) =>
    new Date(seconds * 1000).toLocaleString(undefined, {
      month: "short",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      hour12: false,
    });

  functions.spread = (params) => {
    const deviation = params.data[`spread ${params.colDef.field}`];
    if (params.value == null) {
      return "—";
    }
    return deviation == null
      ? short(params.value)
      : `${short(params.value)} ± ${short(deviation, 2)}`;
  };

  // A run's name without what all have in common; if that is too long, its end.
  const LETTER = 7.2; // px
  const BESIDE = 52; // px of the cell: its colour and its edges
  functions.name = ({ data, column }) => {
    const name = data.members ? data.id : window.exptools.telling(data.id);
    const room = Math.max(8, Math.floor((column.getActualWidth() - BESIDE) / LETTER));
    return data.members || name.length <= room ? name : `…${name.slice(1 - room)}`;
  };

  // When rows come, the table may take ticks back by itself.
  functions.mend = () => window.exptools.mend();

  functions.resized = ({ api, finished }) => {
    if (finished && !api.isDestroyed()) {
      api.refreshCells({ columns: ["run"], force: true });
    }
  };

  functions.swatch = (row) => window.exptools.swatch(row);

  // A click on a run's name opens it, and so does Enter in its row; a click on its star or the
  // key s turns the star. The grid tells of a key a moment later, when the field that it was
  // written into may have left its cell.
  functions.pressed = ({ colDef, data, event }) => {
    const key = event.type === "keydown" ? event.key : { run: "Enter", star: "s" }[colDef.colId];
    const store = { Enter: "opened", s: "starred" }[key];
    const writing = event.target.matches?.("input:not([type=checkbox]), textarea");
    if (store && !data.members && !writing) {
      window.dash_clientside.set_props(store, { data: { run: data.id, at: Date.now() } });
    }
  };

  functions.sorted = (event) => window.exptools.sorted(event);
})();
