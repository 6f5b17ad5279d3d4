// The one slider of the wall: over all steps that its tags have. Each tile shows what was logged at the
// step, or last before it, and says so where that is another step.
(() => {
  const { wall } = window.exptools; // of wall.js
  const PAUSE = 400; // ms, after which a step is in the address

  const number = (step) => step.toLocaleString("en");

  // The place of the last of rising numbers that is not beyond one; -1 where all are.
  const lastUpTo = (numbers, most) => {
    let [low, high] = [0, numbers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[middle] <= most) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - 1;
  };

  let steps = []; // rising
  let asked = null; // null: the last one, whichever that is
  let parts = null;
  let moved = () => {};
  let commit = () => {};
  let waiting = 0;

  const at = () => (asked === null ? steps.length - 1 : lastUpTo(steps, asked));
  const step = () => asked ?? steps.at(-1);

  const say = () => {
    parts.slider.max = Math.max(steps.length - 1, 0);
    parts.slider.value = Math.max(at(), 0);
    if (steps.length) {
      parts.slider.setAttribute("aria-valuetext", `step ${number(step())}`);
    }
    if (document.activeElement !== parts.field) {
      parts.field.value = step() ?? "";
    }
    const last = steps.length ? number(steps.at(-1)) : "";
    parts.of.textContent = steps.length > 1 ? `of ${last} · ${number(steps.length)} steps` : "";
    parts.back.disabled = at() <= 0;
    parts.on.disabled = asked === null || at() >= steps.length - 1;
    parts.latest.disabled = asked === null;
  };

  const choose = (chosen) => {
    asked = chosen === null || (chosen === steps.at(-1) && at() >= 0) ? null : chosen;
    say();
    moved();
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      waiting = 0;
      commit(asked);
    }, PAUSE);
  };

  const go = (by) => {
    const to = Math.min(Math.max(at() + by, 0), steps.length - 1);
    if (steps.length && steps[to] !== step()) {
      choose(steps[to]);
    }
  };

  const button = (text, name, press) => {
    const made = wall.make("button", "wall-button", text);
    made.type = "button";
    made.setAttribute("aria-label", name);
    made.title = name;
    made.addEventListener("click", press);
    return made;
  };

  const input = (type, name) => {
    const made = document.createElement("input");
    made.type = type;
    made.setAttribute("aria-label", name);
    return made;
  };

  const build = (place) => {
    const label = wall.make("label", "", "Step");
    const field = input("number", "Step");
    field.step = 1;
    label.append(field);
    const slider = input("range", "Step, from the first to the last");
    slider.min = 0;
    parts = {
      field,
      slider,
      back: button("‹", "The step before (←)", () => go(-1)),
      on: button("›", "The next step (→)", () => go(1)),
      of: wall.make("span", "wall-of"),
      latest: button("Latest", "The last step, also when later ones come", () => choose(null)),
    };
    field.addEventListener("change", () => {
      const typed = Number(field.value);
      if (field.value.trim() !== "" && Number.isSafeInteger(typed)) {
        choose(typed);
      } else {
        field.value = step() ?? "";
      }
    });
    slider.addEventListener("input", () => choose(steps[Number(slider.value)] ?? null));
    place.append(parts.back, slider, parts.on, label, parts.of, parts.latest);
  };

  Object.assign(wall, {
    number,
    lastUpTo,

    steps: {
      // The steps that there are now, and which is asked for, if nobody is just choosing another.
      follow: (place, all, wanted, listeners) => {
        if (!parts) {
          build(place);
        }
        [moved, commit] = [listeners.moved, listeners.commit];
        steps = all;
        if (!waiting) {
          asked = wanted;
        }
        place.hidden = steps.length < 2 && asked === null;
        say();
      },
      step,
      isLatest: () => asked === null,
      go,

      // The step itself, and those that are one move of the slider away.
      near: () => [at() - 1, at() + 1].map((place) => steps[place]).filter((s) => s !== undefined),
    },
  });
})();
