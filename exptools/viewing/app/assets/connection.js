// A server that does not answer is said at once, and asked again until it does. What was asked
// meanwhile is asked again then: the page goes on where it was, with all that was chosen.
(() => {
  const PATIENCE = 1500; // ms that an answer may take before somebody asks whether the server is there
  const SILENCE = 3000; // ms that it may take to say so
  const PAUSE = 1000; // ms between two tries
  const TRIES = 3; // of one question that fails though the server is there
  const GATEWAY = [502, 503, 504]; // a proxy's: there is nobody behind it

  const config = JSON.parse(document.getElementById("_dash-config").textContent);
  const prefix = config.requests_pathname_prefix;
  const expected = document.querySelector('meta[name="served"]')?.content;
  const ask = window.fetch.bind(window);
  const sleep = (time) => new Promise((done) => setTimeout(done, time));
  const HERE = "here";
  const AWAY = "away";
  const TOKEN = "token";
  const OTHER = "other";

  let heard = new Date(); // when the server has last answered
  let state = HERE;
  let returned = Promise.resolve(); // once the server is there
  let checking = false;
  let leave = () => {};
  let left = new Promise((done) => (leave = done)); // once it is not
  const newest = new Map(); // by what a question is for, the last one that was asked

  const clock = () =>
    heard.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
  const sentences = {
    [AWAY]: () =>
      `No answer from the server since ${clock()}; trying again. ` +
      "What you choose meanwhile is shown once it is back.",
    [TOKEN]: () =>
      "The server asks for another token than before: open the address that it has printed, " +
      "and this page goes on.",
    [OTHER]: () => "Another viewer answers here now, of other runs or of another version.",
  };

  const say = () => {
    let line = document.getElementById("away");
    document.documentElement.classList.toggle("is-away", state !== HERE);
    if (state === HERE) {
      line?.remove();
      return;
    }
    if (!line) {
      line = document.createElement("div");
      line.id = "away";
      line.setAttribute("role", "alert");
      document.body.prepend(line);
    }
    const sentence = sentences[state]();
    if (line.firstChild?.textContent === sentence) {
      return;
    }
    line.replaceChildren(document.createTextNode(sentence));
    if (state === OTHER) {
      const button = document.createElement("button");
      button.textContent = "Show it";
      button.addEventListener("click", () => window.location.reload());
      line.append(" ", button);
    }
  };

  // What an answer tells of the server.
  const told = (answer) => {
    const name = answer.headers.get("X-Served");
    if (GATEWAY.includes(answer.status)) {
      return AWAY;
    }
    if (name && expected && name !== expected) {
      return OTHER;
    }
    return answer.status === 401 ? TOKEN : HERE;
  };

  const ping = async () => {
    try {
      const signal = AbortSignal.timeout(SILENCE);
      return told(await ask(`${prefix}_alive`, { signal, credentials: "same-origin", cache: "no-store" }));
    } catch {
      return AWAY;
    }
  };

  // Ask until the server is there; everybody who waits for ``returned`` goes on then.
  const check = () => {
    if (checking) {
      return;
    }
    checking = true;
    returned = (async () => {
      for (;;) {
        const before = state;
        state = await ping();
        say();
        if (state === HERE) {
          heard = new Date();
          checking = false;
          if (before !== HERE) {
            left = new Promise((done) => (leave = done));
            window.dash_clientside.set_props("clock", { n_intervals: Date.now() });
          }
          return;
        }
        leave();
        await sleep(PAUSE);
      }
    })();
  };

  const nothing = () => new Response(null, { status: 204 });

  // Whether there is news is asked again and again, so nobody waits for one such answer; Dash would
  // keep back what is chosen meanwhile.
  const NEWS = "version.data";
  const news = (resource, options) => {
    const patience = setTimeout(check, PATIENCE);
    const answer = ask(resource, options).then((given) => {
      if (told(given) === HERE) {
        heard = new Date();
        return given;
      }
      throw new Error("nobody there");
    });
    const known = answer.catch(() => {
      check();
      return nothing();
    });
    return Promise.race([known, left.then(nothing)]).finally(() => clearTimeout(patience));
  };

  // Of several questions for one thing the last counts; but stars and notes are kept one by one.
  const purpose = (options) => {
    try {
      const { output } = JSON.parse(options.body);
      return output.includes("marks.data") ? null : output;
    } catch {
      return null;
    }
  };

  const answered = async (resource, options, isOvertaken) => {
    for (let failed = 0; ; failed += 1) {
      if (state !== HERE) {
        await returned;
      }
      if (isOvertaken()) {
        return nothing();
      }
      const patience = setTimeout(check, PATIENCE);
      try {
        const answer = await ask(resource, options);
        if (told(answer) === HERE || failed >= TRIES) {
          heard = new Date();
          return answer;
        }
      } catch (error) {
        if (options?.signal?.aborted || failed >= TRIES) {
          throw error;
        }
      } finally {
        clearTimeout(patience);
      }
      check();
      await returned;
      await sleep(failed * PAUSE);
    }
  };

  window.fetch = async (resource, options) => {
    const url = new URL(resource?.url || resource, window.location.href);
    if (url.origin !== window.location.origin || !url.pathname.startsWith(prefix)) {
      return ask(resource, options);
    }
    const what = purpose(options);
    if (what === NEWS) {
      return state === HERE ? news(resource, options) : nothing();
    }
    const me = {};
    if (what) {
      newest.set(what, me);
    }
    try {
      return await answered(resource, options, () => what !== null && newest.get(what) !== me);
    } finally {
      if (newest.get(what) === me) {
        newest.delete(what);
      }
    }
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - heard > PATIENCE) {
      check();
    }
  });
})();
