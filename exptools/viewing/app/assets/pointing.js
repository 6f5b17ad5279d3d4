// The line that is pointed at: a click selects its runs and, where all bands together would bury the
// lines, its band is seen. A tap shows the band, another one selects.
(() => {
  const { tell, plot, isNarrow } = window.exptools; // of page.js, which is loaded before

  const TOLD = 26; // px that the hover has for each line
  const AXES = 120; // px of a chart that are not plot, and for the hover's head

  const isBand = (trace) => trace.uid?.startsWith("band");
  const isSeen = (trace) => trace.visible !== "legendonly" && trace.visible !== false;

  let points = []; // of all lines, at the x where the pointer is
  let pointed = ""; // the legendgroup of the line
  let touches = false;

  // Of the lines at the pointer's x, the one nearest to it.
  const nearest = (candidates, clientY) => {
    const top = plot().getBoundingClientRect().top;
    const distance = ({ yaxis, y }) => Math.abs(clientY - top - yaxis._offset - yaxis.d2p(y));
    const ofLines = candidates.filter(({ data, y }) => Array.isArray(data.meta) && y !== null);
    return ofLines.sort((a, b) => distance(a) - distance(b))[0];
  };

  // How much of each band is seen: where few lines are left in the legend, all of all bands.
  const opacities = ({ data, layout }) => {
    const { many } = layout.meta?.pointing || {};
    const bands = data.filter((trace) => isBand(trace) && isSeen(trace));
    const panels = bands.map((trace) => trace.meta[0]);
    const most = Math.max(0, ...panels.map((at) => panels.filter((other) => other === at).length));
    return data.map((trace) => Number(most < many || trace.legendgroup === pointed));
  };

  // Whether what is said of all lines at one x leaves something of the chart to be seen.
  const hasRoom = ({ data }) => {
    const lines = data.filter((trace) => trace.showlegend).length;
    return lines * TOLD < document.getElementById("chart").clientHeight - AXES;
  };

  // A figure that comes from the server has the bands as they are seen now.
  const dress = (figure) => {
    const isPointing = Boolean(figure.layout.meta?.pointing?.runs);
    if ((isPointing && isNarrow()) || !hasRoom(figure)) {
      Object.assign(figure.layout, { hovermode: "closest", hoverdistance: -1 });
    }
    if (isPointing) {
      const seen = opacities(figure);
      figure.data.forEach((trace, at) => {
        if (isBand(trace)) {
          trace.opacity = seen[at];
        }
      });
    }
  };

  // Plotly's own restyling takes a hundred times as long, for it looks at all lines anew. What it
  // draws next, and the picture that it saves, follow the figure's data.
  const redraw = () => {
    const shown = plot();
    const { runs } = shown?.layout?.meta?.pointing || {};
    if (!runs) {
      return;
    }
    dress(shown);
    shown.data.forEach((trace) => {
      const node = shown.querySelector(`.scatterlayer .trace${CSS.escape(trace.uid)}`);
      if (node && isBand(trace)) {
        node.style.opacity = trace.opacity;
      } else {
        node?.classList.toggle("aside", pointed in runs && trace.legendgroup !== pointed);
      }
    });
  };

  const pointAt = (group) => {
    if (group !== pointed) {
      pointed = group;
      requestAnimationFrame(redraw);
    }
  };

  const click = ({ points: clicked, event }) => {
    const line = nearest(clicked, event.clientY);
    if (!line) {
      return;
    }
    window.exptools.pointedAt(line, event); // of wall_point.js
    const { legendgroup, meta } = line.data;
    const onDemand = plot().layout.meta?.pointing?.runs;
    if (touches && onDemand && pointed !== legendgroup) {
      pointAt(legendgroup);
    } else if (!isNarrow()) { // where a tap is to read what is there
      tell("clicked", { data: { curve: meta, at: Date.now() } });
    }
  };

  // The graph is made anew now and then; each new one is listened to once.
  new MutationObserver(() => {
    const shown = plot();
    if (!shown?.on || shown.dataset.listened) {
      return;
    }
    shown.dataset.listened = "yes";
    shown.on("plotly_click", click);
    shown.on("plotly_hover", ({ points: hovered, event }) => {
      points = hovered;
      if (!touches) {
        pointAt(nearest(points, event.clientY)?.data.legendgroup || "");
      }
    });
    shown.on("plotly_unhover", () => {
      points = [];
      if (!touches) {
        pointAt("");
      }
    });
    shown.on("plotly_afterplot", redraw); // also after a line was hidden in the legend
    shown.addEventListener("mousemove", ({ clientY }) => {
      if (points.length && !touches) {
        pointAt(nearest(points, clientY)?.data.legendgroup || "");
      }
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener(
    "pointerdown",
    ({ pointerType }) => {
      touches = pointerType === "touch";
    },
    true,
  );

  // A row of the table and a name in the legend stand for a line, too.
  const hex = (text) =>
    [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const groupOf = (target) => {
    const runs = plot()?.layout?.meta?.pointing?.runs || {};
    const row = target.closest?.("#runs [row-id]")?.getAttribute("row-id");
    if (row && document.querySelector('#rows input[value="groups"]')?.checked) {
      return hex(row.replace(/[ \u200a]+$/, ""));
    }
    if (row) {
      return Object.keys(runs).find((group) => runs[group].includes(row));
    }
    return target.closest?.("#curves .legend .traces")?.__data__?.[0]?.trace?.legendgroup;
  };
  ["pointerover", "focusin"].forEach((kind) =>
    document.addEventListener(kind, ({ target }) => {
      const group = groupOf(target);
      if (group) {
        pointAt(group);
      } else if (target.closest?.("#runs, #curves .legend") || !target.closest?.("#curves")) {
        pointAt("");
      }
    }),
  );

  Object.assign(window.exptools, { dress });
})();
