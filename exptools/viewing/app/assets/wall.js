// What the server says of a medium, as elements: the components that the tab of a run has, too, drawn
// here without Dash, which would compare all tiles whenever one changes. Texts stay texts.
(() => {
  const TAGS = "A Audio Code Div Img P Pre Span Table Tbody Td Th Thead Tr Video".split(" ");
  const OWN = ["href", "src"]; // addresses, of this server only
  const PLAIN = ["alt", "controls", "download", "height", "loop", "preload", "rel", "role", "scope"];
  const MORE = ["tabIndex", "target", "title", "width"];

  const isOwn = (address) => new URL(address, window.location.href).origin === window.location.origin;

  const set = (element, name, value) => {
    if (name === "className") {
      element.className = value;
    } else if (name === "style") {
      Object.assign(element.style, value);
    } else if (name === "muted") {
      element.muted = value; // the attribute alone would be the default of another time
    } else if (OWN.includes(name)) {
      if (isOwn(value)) {
        element.setAttribute(name, value);
      }
    } else if ([...PLAIN, ...MORE].includes(name) || /^(data|aria)-/.test(name)) {
      element.setAttribute(name, value === true ? "" : value);
    }
  };

  // A figure is drawn when it is on the page for the first time.
  const graph = ({ figure, config }) => {
    const box = document.createElement("div");
    box.className = "wall-graph";
    box.figure = { figure, config };
    return box;
  };

  const build = (component) => {
    if (component === null || component === undefined) {
      return [];
    }
    if (Array.isArray(component)) {
      return component.flatMap(build);
    }
    if (typeof component !== "object") {
      return [String(component)];
    }
    const { type, props } = component;
    if (type === "Graph") {
      return [graph(props)];
    }
    if (!TAGS.includes(type)) {
      return [];
    }
    const element = document.createElement(type);
    const { children, ...others } = props;
    Object.entries(others).forEach(([name, value]) => {
      if (value !== null && value !== false) {
        set(element, name, value);
      }
    });
    element.append(...build(children));
    return [element];
  };

  // What is an image by its first bytes need not be one.
  const sayBroken = ({ target }) => {
    const place = target.closest("a") || target;
    const said = document.createElement("p");
    said.className = "run-nothing";
    said.textContent = "Your browser cannot read this image.";
    place.replaceWith(said);
  };

  // One answer of the server as one element.
  const nodeOf = ({ node, html }) => {
    const box = document.createElement("div");
    box.className = "wall-content run-medium";
    if (html === undefined) {
      box.append(...build(node));
      box.querySelectorAll("img").forEach((image) => image.addEventListener("error", sayBroken));
    } else {
      box.innerHTML = html; // in which the server has escaped all texts
    }
    return box;
  };

  const drawGraphs = async (node) => {
    for (const box of node.querySelectorAll(".wall-graph")) {
      if (!box.isDrawn) {
        box.isDrawn = true;
        await window.Plotly; // which comes after the page's own scripts
        const { figure, config } = box.figure;
        const { height, width, ...layout } = figure.layout; // the tile says how large
        await window.Plotly.newPlot(box, figure.data, { ...layout, autosize: true }, {
          ...config,
          responsive: true,
        });
      }
    }
  };

  // The images of a node, once they can be seen without a gap.
  const settled = (node) =>
    Promise.all(
      [...node.querySelectorAll("img")].map((image) => image.decode().catch(() => {})),
    );

  const drop = (node) => {
    node.querySelectorAll(".wall-graph").forEach((box) => box.isDrawn && window.Plotly.purge?.(box));
  };

  window.exptools.wall = { nodeOf, drawGraphs, settled, drop };
})();
