// From a point of a curve to the media of its step: a button beside the point that was clicked.
(() => {
  const { leave, answer, tell } = window.exptools; // of page.js, which is loaded before
  const WIDE = 270; // px of the button, at most

  const HIGH = 56; // px that it stands over the point

  let target = null;
  const button = () => document.getElementById("media-at");
  const hide = () => {
    if (button()) {
      button().hidden = true;
    }
  };

  // pointing.js has found the line that a click means.
  window.exptools.pointedAt = ({ data, x }, { clientX, clientY }) => {
    const box = document.getElementById("chart").getBoundingClientRect();
    const place = [Math.min(clientX - box.left, box.width - WIDE), clientY - box.top];
    if (typeof x === "number") {
      const view = window.exptools.wall.view();
      tell("pointed-at", { data: { curve: data.meta, x, place, view, at: Date.now() } });
    }
  };

  answer("exptools_point", {
    offer: (found) => {
      target = found;
      if (!found) {
        hide();
        return leave();
      }
      const [left, top] = found.at;
      // Above the point: what is said of it stands beside and below.
      const above = top > HIGH ? top - HIGH : top + HIGH;
      Object.assign(button().style, { left: `${Math.max(0, left)}px`, top: `${above}px` });
      button().hidden = false;
      return found.text;
    },
  });

  document.addEventListener("click", (event) => {
    if (event.target.id === "media-at" && target) {
      const fields = { tab: "media", media_step: target.step, selected: target.runs };
      tell("media-chosen", { data: { fields, at: Date.now() } });
      hide();
    }
  });
  document.addEventListener("pointerdown", ({ target: pressed }) => {
    if (pressed.id !== "media-at") {
      hide();
    }
  }, true);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
})();
