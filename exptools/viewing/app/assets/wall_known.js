// Which tiles there are, as the server says it: asked for when the view or the runs change, and, while
// runs go on, every few seconds.
(() => {
  const { wall } = window.exptools; // of wall.js
  const LIVE = 3000; // ms between two looks whether running runs have logged more
  const REST = 10; // times as long as the last answer took, at least

  const config = JSON.parse(document.getElementById("_dash-config").textContent);
  const route = `${config.requests_pathname_prefix}_media-wall`;

  const ask = async (view, have) => {
    const answer = await fetch(route, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ view, have }),
    });
    if (!answer.ok) {
      throw new Error(`the server answers ${answer.status}`);
    }
    return answer.json();
  };

  // Where the page opens on this tab the answer is on its way while the scripts still start.
  const { search } = window.location;
  const isFirst = new URLSearchParams(search).get("tab") === "media";
  let first = isFirst ? ask(search, "").catch(() => null) : null;

  let known = null; // the last answer
  let isAsking = false;
  let isDue = false; // something else is to be asked for
  let hasFailed = false;
  let looked = 0; // ms, when it may be asked for again without another reason

  // Ask for the wall of a view; ``query`` says it, ``heard`` is told of a failure, or of none.
  const fetchWall = async (query, heard) => {
    if (isAsking) {
      isDue = true;
      return;
    }
    [isAsking, isDue] = [true, false];
    const started = Date.now();
    try {
      const early = await first;
      first = null;
      const now = early || (await ask(query(), known?.digest || ""));
      known = now.columns ? now : known;
      hasFailed = false;
      heard("");
    } catch (error) {
      hasFailed = true;
      heard(`The media could not be fetched: ${error.message}.`);
    } finally {
      isAsking = false;
      looked = Date.now() + Math.max(LIVE, REST * (Date.now() - started));
      if (isDue) {
        fetchWall(query, heard);
      }
    }
  };

  Object.assign(wall, {
    known: () => known,
    fetchWall,

    // Whether it is time to look again without another reason.
    isOld: () => {
      const mayGrow = !known || known.empty || known.columns.some(({ live }) => live);
      return (mayGrow || hasFailed) && Date.now() >= looked;
    },
  });
})();
