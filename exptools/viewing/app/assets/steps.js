// The address: the view stands in it, and each choice is a step that the back button undoes.
(() => {
  const { same, answer, tell, stopTyping } = window.exptools; // of page.js, which is loaded before

  // A view's query as View.to_query writes it, with what the browser makes of its characters.
  const LONGEST = 8000;
  const encoded = (text) =>
    encodeURIComponent(String(text).toWellFormed?.() ?? text)
      .replace(/%20/g, "+")
      .replace(/%(?:2F|3A|2C|3D)/g, decodeURIComponent);
  const texts = (value) => {
    if (Array.isArray(value) && value.length && value.every((item) => typeof item === "number")) {
      return [value.map((number) => Number(number.toPrecision(12))).join(",")];
    }
    const text = typeof value === "boolean" ? Number(value) : value;
    return Array.isArray(value) ? (value.length ? value : [""]) : [text];
  };
  const queryOf = (view, defaults, longest = LONGEST) => {
    const { x_ranges: across, y_ranges: up, options, notes, ...fields } = view;
    const chosen = [
      ...Object.entries(fields).filter(
        ([name, value]) => name in defaults && !same(value, defaults[name]),
      ),
      ...Object.entries(across).map(([metric, range]) => [`x_range.${metric}`, range]),
      ...Object.entries(up).map(([metric, range]) => [`y_range.${metric}`, range]),
      ...Object.entries(options).map(([name, text]) => [`option.${name}`, text]),
    ];
    const joined = (entries) =>
      entries
        .flatMap(([name, value]) => texts(value).map((t) => `${encoded(name)}=${encoded(t)}`))
        .join("&");
    const whole = joined(chosen);
    const query =
      whole.length > longest ? joined(chosen.filter(([name]) => name !== "selected")) : whole;
    return new URL(`?${query}`, window.location.href).search;
  };

  window.exptools.queryOf = queryOf;

  let visited = false;
  let steps = []; // where the back button has led, for as long as the page does not show it

  answer("exptools", {
    // Put the view into the address. The first one belongs to the visit that is there; each later
    // one is a step that the back button undoes. A view that such a step has led to makes no new
    // one, nor does one that another step has overtaken.
    remember: (view, defaults) => {
      const search = queryOf(view, defaults);
      const here = window.location.pathname + search;
      const overtaken = steps.includes(search);
      if (search === window.location.search) {
        steps = [];
      } else if (!overtaken) {
        window.history[visited && !steps.length ? "pushState" : "replaceState"](null, "", here);
        steps = [];
      }
      visited = true;
    },
  });

  window.addEventListener("popstate", () => {
    stopTyping();
    steps.push(window.location.search);
    tell("address", { data: window.location.search });
  });
})();
