// Ranges of the axes: those that are typed, two numbers or, of the time of day, two times; and those
// that are dragged. The metrics of a view have a vertical axis each; their horizontal one they share
// but for those whose steps are others.
(() => {
  const { leave, answer, changed, tell, plot, same } = window.exptools; // of page.js, which is loaded before

  // The axes of a drawn figure: "x" or "y", and the metric, which is "" of what the first one shows.
  const axesOf = ({ metrics = [], x = [] } = {}) => {
    const once = (names) => [...new Set(names)];
    return [
      ...once(x).map((metric, at) => ["x", at ? metric : ""]),
      ...once(metrics).map((metric) => ["y", metric]),
    ];
  };
  const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);
  const spanOf = (view, [letter, metric]) =>
    (letter === "x" && !metric ? view.x_range : own(view[`${letter}_ranges`], metric)) || null;
  const withSpan = (view, [letter, metric], span) => {
    if (letter === "x" && !metric) {
      return { ...view, x_range: span };
    }
    const others = Object.entries(view[`${letter}_ranges`]).filter(([name]) => name !== metric);
    const ranges = span ? [...others, [metric, span]] : others;
    return { ...view, [`${letter}_ranges`]: Object.fromEntries(ranges) };
  };
  const thresholdOf = ([letter, metric]) =>
    own(plot()?.layout?.meta?.symlog || {}, letter === "x" ? "x" : `y ${metric}`);
  const isTime = (view, [letter]) => letter === "x" && view.x === "wall_time";

  // What is typed

  const UNITS = { k: 1e3, M: 1e6, B: 1e9, T: 1e12 };
  const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/;
  const parseNumber = (text) => {
    const [, digits, unit] = text.trim().replace(/[−–]/g, "-").match(/^(.*?)\s*([kMBT]?)$/);
    const plain = THOUSANDS.test(digits) ? digits.replaceAll(",", "") : digits;
    return /^[+-]?[\d.]/.test(plain) ? Number(plain) * (UNITS[unit] || 1) : NaN;
  };
  const TIME = /^\d{4}-\d\d-\d\d([T ]+\d\d:\d\d(:\d\d(\.\d+)?)?)?$/;
  const parseTime = (text) =>
    TIME.test(text.trim()) ? Date.parse(`${text.trim().replace(/[T ]+/, "T")}Z`) / 1000 : NaN;
  const spoken = (value) => String(Number(value.toPrecision(6)));
  const spokenTime = (value) => {
    const [day, time] = new Date(value * 1000).toISOString().replace("Z", "").split("T");
    return `${day} ${time.replace(/\.000$/, "")}`;
  };
  const partsOf = (text, time) => {
    const words = text.split(/\s+to\s+/i);
    if (words.length > 1) {
      return words;
    }
    const parts = text.split(/\s*[,;…]\s*|\s*\.{2,}\s*|\s+[–-]\s+/);
    return parts.length === 1 && !time ? text.split(/\s+/) : parts;
  };
  const parseRange = (typed, { time, log }) => {
    const text = typed.trim().replace(/^\[(.*)\]$/, "$1").trim();
    if (["", "all", "auto"].includes(text.toLowerCase())) {
      return { span: null };
    }
    const parse = time ? parseTime : parseNumber;
    const span = partsOf(text, time).map(parse);
    if (span.length !== 2 || !span.every(Number.isFinite)) {
      return {
        error: time
          ? "two times, as 2026-11-27 14:00 to 2026-11-27 15:30; or nothing for all"
          : "two numbers, as 0 to 1e6; or nothing for all",
      };
    }
    const [low, high] = span.map((value) => Number(value.toPrecision(12))); // as the address has them
    const say = time ? spokenTime : spoken;
    if (low === high) {
      return { error: `nothing is between ${say(low)} and itself: two different ones` };
    }
    if (low > high) {
      return { error: `the smaller one comes first: ${say(high)} to ${say(low)}` };
    }
    return log && low <= 0 ? { error: "a log axis begins above 0" } : { span: [low, high] };
  };
  const textOf = (view, axis) =>
    (spanOf(view, axis) || []).map(isTime(view, axis) ? spokenTime : spoken).join(" to ");

  // Where an axis is dragged to

  const numberAt = (place, axis, threshold) => {
    if (axis.type === "date") {
      return (typeof place === "number" ? place : Date.parse(`${place.replace(" ", "T")}Z`)) / 1000;
    }
    if (threshold) {
      const part = Math.abs(place);
      return Math.sign(place) * threshold * (part <= 1 ? part : 10 ** (part - 1));
    }
    return axis.type === "log" ? 10 ** place : place;
  };

  let drawn = []; // the axes that have a field
  const idOf = ([range, metric]) => ({ metric, range });
  const axisOf = ({ range, metric }) => [range, metric];
  const field = (view, axis) => ({
    type: "TextInput",
    namespace: "dash_mantine_components",
    props: {
      id: idOf(axis),
      label: `Range of ${axis[0] === "x" ? view.x.replace("_", " ") : axis[1]}${
        axis[0] === "x" && axis[1] ? ` (${axis[1]})` : ""
      }`,
      value: textOf(view, axis),
      placeholder: "all; or type 0 to 1e6",
      size: "xs",
      inputProps: { autoComplete: "off", spellCheck: "false" },
    },
  });

  answer("exptools", {
    // A field for each axis; while they are the same, what is typed in them stays.
    rangeFields: (figure, view) => {
      const axes = [view.x, ...axesOf(figure?.layout?.meta)];
      if (axes.length === 1 || same(axes, drawn)) {
        return leave();
      }
      drawn = axes;
      return axes.slice(1).map((axis) => field(view, axis));
    },

    range: (...given) => {
      const [texts, view] = given.slice(-2);
      const outputs = window.dash_clientside.callback_context.outputs_list[1];
      let now = view;
      const errors = outputs.map(({ id }, at) => {
        const [axis, text] = [axisOf(id), (texts[at] || "").trim()];
        if (text === textOf(view, axis)) {
          return null;
        }
        const log = view.log.includes(axis[0]) && !thresholdOf(axis);
        const { span, error } = parseRange(text, { time: isTime(view, axis), log });
        if (!error) {
          now = withSpan(now, axis, span);
        }
        return error || null;
      });
      return [errors.some((error) => error) ? leave() : changed(view, now), errors];
    },

    showRanges: (view, texts, errors) => {
      const [fields] = window.dash_clientside.callback_context.outputs_list;
      fields.forEach(({ id }, at) => {
        const value = textOf(view, axisOf(id));
        if (value !== texts[at] || errors[at]) {
          tell(id, { value, error: null });
        }
      });
      return leave();
    },

    // A zoom is part of the view, in units of the data.
    zoom: (event, view) => {
      const layout = plot()?.layout;
      if (!event || !layout) {
        return leave();
      }
      const { metrics = [], x = [] } = layout.meta || {};
      let now = view;
      for (const key of Object.keys(event)) {
        const [, letter, number, , part] =
          key.match(/^([xy])axis(\d*)\.(range\[0\]|(autorange))$/) || [];
        if (!letter) {
          continue;
        }
        const [name, at] = [`${letter}axis${number}`, (Number(number) || 1) - 1];
        const metric = letter === "y" ? metrics[at] : x[at] === x[0] ? "" : x[at];
        const axis = [letter, metric];
        const span = [event[`${name}.range[0]`], event[`${name}.range[1]`]];
        const numbers = span.map((end) => numberAt(end, layout[name], thresholdOf(axis)));
        now = withSpan(now, axis, part === "autorange" ? null : numbers);
      }
      return changed(view, now);
    },
  });
})();
