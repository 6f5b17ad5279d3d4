// What the table's columns call: how a value is shown. They get numbers and texts, never markup.
(() => {
  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  const UNITS = [[1e12, "T"], [1e9, "B"], [1e6, "M"]];
  // Six digits, all of an integer; by thousands where there are many, or by powers of ten.
  const short = (functions.short = (value, digits = 6) => {
    if (typeof value !== "number") {
      return value;
    }
    const sixDigits = Number(value.toPrecision(digits));
    const rounded = Number.isInteger(value) ? value : sixDigits;
    const size = Math.abs(rounded);
    if (size >= 1e15 || (size && size < 1e-4)) {
      return sixDigits.toExponential().replace("e+", "e");
    }
    const [length, unit] = UNITS.find(([least]) => size >= least && rounded === sixDigits) || [];
    if (unit) {
      return `${Number((rounded / length).toPrecision(digits))}${unit}`;
    }
    return size < 10000
      ? String(rounded)
      : rounded.toLocaleString("en-US", { maximumFractionDigits: 20 });
  });

  // The number itself, where a cell shows another text; a text that a cell may cut.
  const LONG = 12; // letters
  functions.exact = ({ value, valueFormatted }) => {
    const text = value == null ? "" : String(value);
    const isCut = typeof value === "number" ? text !== valueFormatted : text.length > LONG;
    return isCut ? text : null;
  };

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

  // With its sign, of a group with its interval.
  const signed = (value) => (value > 0 ? `+${short(value, 3)}` : short(value, 3));
  functions.difference = ({ value, data, colDef }) => {
    if (data.baseline) {
      return "baseline";
    }
    const [low, high] = ["low", "high"].map((edge) => data[`${edge} ${colDef.field}`]);
    if (value == null) {
      return "—";
    }
    return low == null ? signed(value) : `${signed(value)} [${signed(low)}, ${signed(high)}]`;
  };

  // The browser's own field for a colour; Delete, or an empty text, takes the colour back.
  functions.ColorEditor = class {
    init({ value, eventKey, stopEditing }) {
      this.field = document.createElement("input");
      this.field.type = "color";
      this.field.setAttribute("aria-label", "Own colour");
      this.field.value = /^#[0-9a-f]{6}$/.test(value || "") ? value : "#2b62d1";
      this.before = value;
      this.isGone = ["Delete", "Backspace"].includes(eventKey);
      this.field.addEventListener("input", () => {
        this.chosen = this.field.value;
      });
      this.field.addEventListener("change", () => stopEditing()); // the picker was left
    }

    getGui() {
      return this.field;
    }

    afterGuiAttached() {
      this.field.focus();
      try {
        this.field.showPicker();
      } catch {
        // where no hand has opened it, or the browser has none
      }
    }

    getValue() {
      return this.isGone ? "" : this.chosen || this.before;
    }
  };

  // A run's name without what all have in common; if that is too long, its end.
  const BESIDE = 54; // px of the cell: its colour and its edges
  const pen = document.createElement("canvas").getContext("2d");
  // Asked for once: for each cell, the browser would work out the styles of the whole page anew.
  let font = "";
  const lengthOf = (text) => pen.measureText(text).width;
  functions.name = ({ data, column }) => {
    const name = data.members ? data.id : window.exptools.telling(data.id);
    const room = column.getActualWidth() - BESIDE;
    font ||= `13px ${getComputedStyle(document.body).fontFamily}`;
    pen.font = font;
    if (data.members || lengthOf(name) <= room) {
      return name;
    }
    let [least, most] = [8, name.length]; // letters that are left
    while (least < most) {
      const half = Math.ceil((least + most) / 2);
      [least, most] = lengthOf(`…${name.slice(-half)}`) <= room ? [half, most] : [least, half - 1];
    }
    return `…${name.slice(-least)}`;
  };

  // When rows come, the table may take ticks and funnels back by itself.
  functions.putBack = () => window.exptools.putBack();

  functions.resized = (event) => {
    if (event.finished && !event.api.isDestroyed()) {
      event.api.refreshCells({ columns: ["run"], force: true });
      window.exptools.arranged(event);
    }
  };

  functions.swatch = (row) => window.exptools.swatch(row);

  // A click on a run's name opens it, and so does Enter in its row; a click on its star or the
  // key s turns the star. The grid tells of a key a moment later, when the field that it was
  // written into may have left its cell.
  functions.pressed = ({ colDef, data, event }) => {
    const key = event.type === "keydown" ? event.key : { run: "Enter", star: "s" }[colDef.colId];
    const store = { Enter: "opened", s: "starred", b: "compared" }[key];
    const writing = event.target.matches?.("input:not([type=checkbox]), textarea");
    if (store === "compared" && !writing) {
      const name = data.members ? data.group_name : data.id;
      window.dash_clientside.set_props(store, { data: { name, at: Date.now() } });
    } else if (store === "starred" && !data.members && !writing) {
      window.exptools.turnStar(data);
    } else if (store === "opened" && !data.members && !writing) {
      window.dash_clientside.set_props(store, { data: { run: data.id, at: Date.now() } });
    }
  };

  functions.page = () => document.body;
  functions.sorted = (event) => window.exptools.sorted(event);
  functions.funneled = (event) => window.exptools.funneled(event);
  functions.arranged = (event) => window.exptools.arranged(event);
})();
