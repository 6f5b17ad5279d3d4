// Ranges of the axes that are typed: two numbers or, of the time of day, two times.
(() => {
  const { leave, changed } = window.exptools; // of page.js, which is loaded before

  const UNITS = { k: 1e3, M: 1e6, B: 1e9, T: 1e12 };
  const parseNumber = (text) => {
    const [, digits, unit] = text.trim().replace("−", "-").match(/^(.*?)\s*([kMBT]?)$/);
    return digits ? Number(digits) * (UNITS[unit] || 1) : NaN;
  };
  const parseTime = (text) => Date.parse(`${text.trim().replace(/\s+/, "T")}Z`) / 1000;
  const parseRange = (text, { time, log }) => {
    if (!text.trim()) {
      return { span: null };
    }
    const parts = text.split(/\s+to\s+|\s*[,;…–]\s*|\s*\.{2,}\s*/);
    const span = (parts.length === 1 && !time ? text.trim().split(/\s+/) : parts).map(
      time ? parseTime : parseNumber,
    );
    if (span.length !== 2 || !span.every(Number.isFinite)) {
      return { error: time ? "two times, as 2026-11-27 14:00 to 2026-11-27 15:30" : "two numbers, as 0 to 1e6" };
    }
    if (span[0] >= span[1]) {
      return { error: "the smaller one comes first" };
    }
    return log && span[0] <= 0 ? { error: "a log axis begins above 0" } : { span };
  };
  const spoken = (value) => String(Number(value.toPrecision(6)));
  const spokenTime = (value) => new Date(value * 1000).toISOString().slice(0, 19).replace("T", " ");
  const rangesOf = (view) =>
    [view.x_range, view.y_ranges[view.metrics[0]] || null].map((span, at) => ({
      span,
      text: (span || []).map(at === 0 && view.x === "wall_time" ? spokenTime : spoken).join(" to "),
    }));

  Object.assign(window.dash_clientside.exptools, {
    range: (...given) => {
      const [across, up, view] = given.slice(-3);
      const [wanted, now] = [[across, up], rangesOf(view)];
      const read = wanted.map((text, at) =>
        (text || "").trim() === now[at].text
          ? { span: now[at].span }
          : parseRange(text || "", { time: at === 0 && view.x === "wall_time", log: view.log.includes("xy"[at]) }),
      );
      const errors = read.map(({ error }) => error || null);
      if (errors.some((error) => error)) {
        return [leave(), ...errors];
      }
      const [x, y] = read.map(({ span }) => span);
      const ranges = { ...view.y_ranges };
      if (y) {
        ranges[view.metrics[0]] = y;
      } else {
        delete ranges[view.metrics[0]];
      }
      return [changed(view, { x_range: x, y_ranges: ranges }), ...errors];
    },

    showRanges: (view) => [...rangesOf(view).map(({ text }) => text), null, null],
  });
})();
