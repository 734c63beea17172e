/* What the browser does by itself: everything else comes from the server, already escaped.
   Text from documents is only ever set as textContent or taken from attributes, never as HTML. */

const seedqa = (() => {
  "use strict";

  const RECENT = "seedqa.recent", KEPT = 8, TOP = 10, PATIENCE = 3;
  const narrow = matchMedia("(max-width: 900px)"); // as in page.css: there the source covers the answers
  const parts = {}; // id of a piece of the page -> the values that Gradio draws it from
  let opener = null; // the button that opened the source, and where it was
  let sent = null; // what was pressed to ask, until the answer is there
  let waiting = 0;
  let enlarged = false; // the pages of a source, as its reader left them
  let checkedFor = ""; // the snapshot for which outdated results were verified again

  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const answer = () => one(".sq-answer");
  const box = () => one("#sq-question textarea");

  function make(tag, className, text, attributes = {}) {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function say(text) {
    if (!one("#sq-live")) {
      document.body.append(make("div", "sq-hidden", "", { id: "sq-live", role: "status", "aria-live": "polite" }));
    }
    one("#sq-live").textContent = "";
    setTimeout(() => { one("#sq-live").textContent = text; }, 50);
  }

  function toast(text) {
    say(text);
    one(".sq-toast")?.remove();
    const note = make("div", "sq-toast", text, { "aria-hidden": "true" });
    document.body.append(note);
    setTimeout(() => note.remove(), 2500);
  }

  // A server that is busy says when to ask again; a few times that is done here, and then told.
  const send = window.fetch.bind(window);
  window.fetch = async (...request) => {
    for (let again = 0; ; again++) {
      const response = await send(...request);
      const after = response.status === 503 && response.headers.get("retry-after");
      if (!after) return response;
      if (again === PATIENCE || typeof request[0] !== "string" && !(request[0] instanceof URL)) {
        idle();
        toast(seedqaTexts.busy);
        return response;
      }
      await new Promise((resume) => setTimeout(resume, 1000 * after * (1 + Math.random())));
    }
  };

  // Calls a named endpoint, the one that programs use.
  async function call(name, values) {
    const root = new URL(window.gradio_config.root, location.href).pathname.replace(/\/$/, "");
    let response, found;
    try {
      response = await fetch(`${root}/gradio_api/run/${name}`, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ data: values }),
      });
      found = await response.json();
    } catch {
      throw new Error(seedqaTexts.noAnswer);
    }
    if (!response.ok) throw new Error(found.error || seedqaTexts.noAnswer);
    return found.data[0];
  }

  // What the answer on the page was asked.
  function asked() {
    return answer() ? JSON.parse(answer().dataset.asked) : null;
  }

  // Asking

  function busy(values) {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const pane = one("#sq-results");
      pane.dataset.busy = seedqaTexts.searching;
      pane.setAttribute("aria-busy", "true");
      say(seedqaTexts.searching);
    }, 120);
    return values;
  }

  function idle() {
    clearTimeout(waiting);
    one("#sq-results")?.setAttribute("aria-busy", "false");
    if (!answer()) sent = null;
    return [];
  }

  function arrived() {
    idle();
    const shown = answer();
    const pressed = sent;
    sent = null;
    one("#sq-chips").classList.toggle("sq-asked", Boolean(shown)); // a narrow window has no room for both
    if (!shown) return say("");
    say(shown.dataset.said);
    remember(asked().question);
    nameAddress(asked());
    outdated();
    if (pressed) lead(pressed);
    const heading = one("#sq-heading");
    if (heading.getBoundingClientRect().top > innerHeight * 0.8) heading.scrollIntoView();
  }

  // The address reopens the answer; each question is a step of the browser's history.
  function nameAddress({ question, k, documents, threshold }) {
    const address = new URL(location.href);
    address.search = "";
    address.searchParams.set("q", question);
    if (k !== 5) address.searchParams.set("k", k);
    if (documents.length) address.searchParams.set("in", documents.join("\n"));
    if (threshold !== seedqaTexts.threshold) address.searchParams.set("t", threshold);
    const step = new URL(location.href).searchParams.get("q") === question ? "replaceState" : "pushState";
    if (address.href !== location.href) history[step](null, "", address);
    document.title = `${question} – ${seedqaTexts.title}`;
  }

  // The button that was pressed may be gone: lead on to what it was pressed for.
  function lead({ action, cards }) {
    const next = action === "more" && one(`#sq-card-${cards + 1}`);
    const weak = next && next.closest("details");
    if (weak) weak.open = true;
    (next ? one("h3", next) : one("#sq-heading")).focus({ preventScroll: !next });
  }

  // Results that no longer fit what is asked, or the index

  let form = null;

  function compare(values) {
    form = values;
    outdated();
    return [];
  }

  function outdated() {
    const shown = answer();
    if (!shown) return;
    const was = asked();
    const now = form && { question: form[0].trim(), k: form[1], documents: form[2] || [], threshold: form[3] };
    const differs = now && ["question", "k", "documents", "threshold"].some(
      (name) => JSON.stringify(now[name]) !== JSON.stringify(was[name]));
    const inForce = one(".sq-masthead")?.dataset.snapshot;
    const old = inForce && inForce !== shown.dataset.snapshot;
    const banner = one(".sq-outdated", shown);
    const why = differs ? seedqaTexts.outdatedAsked : old ? seedqaTexts.outdatedIndex : "";
    shown.classList.toggle("sq-stale", Boolean(why));
    if (old && inForce !== checkedFor) recheck(inForce);
    if (banner.hidden === !why && one(".sq-why", banner).textContent === why) return;
    one(".sq-why", banner).textContent = why;
    banner.hidden = !why;
  }

  // Recent questions: kept in this browser, nowhere else

  function recent() {
    try {
      const kept = JSON.parse(localStorage.getItem(RECENT));
      return Array.isArray(kept) ? kept.filter((question) => typeof question === "string") : [];
    } catch { return []; }
  }

  function keep(questions) {
    try {
      if (questions.length) localStorage.setItem(RECENT, JSON.stringify(questions));
      else localStorage.removeItem(RECENT);
    } catch { /* private windows may have no room */ }
    showRecent();
  }

  function remember(question) {
    keep([question, ...recent().filter((other) => other !== question)].slice(0, KEPT));
  }

  function forget() {
    keep([]);
    box()?.focus();
  }

  function showRecent() {
    const list = one("#sq-recent-list");
    if (!list) return;
    const questions = recent();
    one("#sq-recent").hidden = !questions.length;
    list.replaceChildren(...questions.map((question) => make(
      "button", "sq-chip", question, { type: "button", "data-action": "pick", "data-question": question })));
  }

  // Copying and saving

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // not in a secure context
      const focused = document.activeElement;
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      focused?.focus();
      if (!done) return toast(seedqaTexts.notCopied);
    }
    toast(seedqaTexts.copied);
  }

  function linkTo(citation) {
    const address = new URL(location.pathname, location.href);
    address.searchParams.set("open", citation);
    return address.href;
  }

  function save(text, type, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Checking and judging a passage

  async function verify(button, loud = true) {
    const { rank, link } = button.dataset;
    button.setAttribute("aria-busy", "true");
    try {
      const found = await call("verify_citation", [link]);
      if (button.dataset.link !== link) return; // another answer has come meanwhile
      const badge = one(`#sq-state-${rank}`), detail = one(`#sq-detail-${rank}`);
      badge.className = `sq-state sq-${found.status.replace(" ", "-")}`;
      badge.replaceChildren(make("span", "", seedqaTexts.signs[found.status], { "aria-hidden": "true" }), ` ${found.status}`);
      detail.textContent = found.detail;
      detail.hidden = found.status === "verified";
      if (loud) toast(`${found.status}: ${found.detail}`);
    } catch (error) {
      if (loud) toast(error.message);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  // A new snapshot means that documents have changed: what was verified may not be so any more.
  async function recheck(snapshot) {
    checkedFor = snapshot;
    for (const button of all('.sq-card [data-action="verify"]')) await verify(button, false);
  }

  async function vote(button) {
    const { link } = button.dataset;
    const pressed = button.getAttribute("aria-pressed") === "true";
    try {
      await call("give_feedback", [asked().question, link, pressed ? null : button.dataset.useful === "true"]);
      if (button.dataset.link !== link) return; // as above
      for (const other of all(".sq-vote", button.parentElement)) {
        other.setAttribute("aria-pressed", String(!pressed && other === button));
      }
      toast(pressed ? seedqaTexts.takenBack : seedqaTexts.thanks);
    } catch (error) {
      toast(error.message);
    }
  }

  // The source beside the answers

  function sourceShown() {
    const source = one(".sq-context");
    one("#sq-columns")?.classList.toggle("sq-open", Boolean(source));
    for (const card of all(".sq-card")) {
      card.classList.toggle("sq-current", Boolean(source) && card.dataset.rank === source.dataset.rank);
    }
    cover();
    if (!source) return;
    if (!narrow.matches) bringIntoSight();
    zoom(enlarged);
    showMark(one(".sq-box-evidence", source) || one(".sq-box-passage", source) || textMark());
    one("#sq-context-title", source).focus({ preventScroll: true });
  }

  function textMark() {
    return one(".sq-context mark") || one("#sq-here");
  }

  // Scrolls the source until the mark is a third down from its top, and its beginning in sight.
  function showMark(mark) {
    const pane = one(".sq-source");
    if (!pane || !mark) return;
    const at = mark.getBoundingClientRect(), around = pane.getBoundingClientRect();
    pane.scrollTop += at.top - around.top - pane.clientHeight / 3;
    pane.scrollLeft += at.left - around.left - pane.clientWidth / 8;
  }

  // The pages of a source

  function zoom(on) {
    enlarged = on;
    one(".sq-pages")?.classList.toggle("sq-enlarged", on);
    one('.sq-context [data-action="zoom"]')?.setAttribute("aria-pressed", String(on));
  }

  // The point of the page that was pressed stays under the pointer.
  function zoomAt(sheet, { clientX, clientY }) {
    const pane = one(".sq-source"), before = sheet.getBoundingClientRect();
    const across = (clientX - before.left) / before.width, down = (clientY - before.top) / before.height;
    zoom(!enlarged);
    const after = sheet.getBoundingClientRect();
    pane.scrollLeft += after.left + across * after.width - clientX;
    pane.scrollTop += after.top + down * after.height - clientY;
  }

  function toPage() {
    const mark = one(".sq-box-evidence") || one(".sq-box-passage");
    (mark?.closest(".sq-page") || one(".sq-page")).focus({ preventScroll: true });
    showMark(mark || one(".sq-page"));
  }

  function toText() {
    one("#sq-here").focus({ preventScroll: true });
    showMark(textMark());
  }

  // The answers are narrower now: the card stays where it was if it can, and the source begins at the window's top.
  function bringIntoSight() {
    if (opener?.fresh && opener.button.isConnected) {
      scrollBy(0, opener.button.getBoundingClientRect().top - opener.top);
      opener.fresh = false;
    } else {
      one(".sq-current")?.scrollIntoView({ block: "nearest" });
    }
    scrollBy(0, Math.max(0, one("#sq-columns").getBoundingClientRect().top - TOP));
  }

  // Where the source covers the page, nothing behind it can be reached.
  function cover() {
    const covered = narrow.matches && Boolean(one(".sq-context"));
    for (const old of all("[data-sq-covered]")) {
      old.inert = false;
      delete old.dataset.sqCovered;
    }
    document.documentElement.classList.toggle("sq-covered", covered);
    for (let part = one("#sq-source"); covered && part !== document.body; part = part.parentElement) {
      for (const other of part.parentElement.children) {
        if (other === part || other.inert || other.matches("#sq-live, .sq-toast, script, style")) continue;
        other.inert = true;
        other.dataset.sqCovered = "";
      }
    }
  }

  function close() {
    const source = parts["sq-source"];
    if (!source || !one(".sq-context")) return;
    const back = opener?.button.isConnected ? opener.button : box();
    const { scroll } = opener || {};
    const top = back.getBoundingClientRect().top;
    source.value = ""; // is drawn in a microtask
    queueMicrotask(() => {
      sourceShown();
      back.focus({ preventScroll: true });
      if (scroll === undefined) scrollBy(0, back.getBoundingClientRect().top - top);
      else scrollTo(0, scroll);
      opener = null;
    });
  }

  function open(button) {
    const source = one(".sq-context");
    if (button.closest(".sq-context")) return true;
    opener = { button, scroll: source ? undefined : scrollY, top: button.getBoundingClientRect().top, fresh: true };
    if (source?.dataset.link !== button.dataset.link) return true;
    sourceShown(); // it is there already
    return false;
  }

  // What the server needs to open a passage: the buttons beside a source name only its rank.
  function passage({ dataset: { rank } }) {
    const { link } = one(`.sq-card[data-rank="${rank}"] [data-action="open"]`).dataset;
    return { link, rank, ranks: all(".sq-card").length, question: asked().question };
  }

  // Buttons

  function act(button, trigger, raised) {
    const { action } = button.dataset;
    const shown = answer();
    switch (action) {
      case "copy": return copy(button.dataset.text);
      case "copy-link": return copy(linkTo(button.dataset.link));
      case "save-json": return save(shown.dataset.json, "application/json", seedqaTexts.jsonFile);
      case "save-markdown": return save(shown.dataset.markdown, "text/markdown", seedqaTexts.markdownFile);
      case "verify": return verify(button);
      case "vote": return vote(button);
      case "forget": return forget();
      case "close": return close();
      case "zoom": zoom(!enlarged); return showMark(one(".sq-box-evidence") || one(".sq-box-passage"));
      case "to-page": return toPage();
      case "to-text": return toText();
      case "open": return open(button) && trigger(action, passage(button));
      case "pick": case "again": case "more": sent = { action, cards: all(".sq-card").length };
    }
    if (raised.includes(action)) trigger(action, { ...button.dataset });
  }

  function listen(element, props, trigger, watch, raised) {
    const ident = element.closest("[id^='sq-']")?.id;
    parts[ident] = props;
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-action]"), sheet = event.target.closest(".sq-sheet");
      if (sheet) return zoomAt(sheet, event);
      if (!button || button.disabled) return;
      const menu = button.closest(".sq-menu");
      if (menu) { menu.open = false; one("summary", menu).focus(); }
      act(button, trigger, raised);
    });
    const shown = {
      "sq-results": arrived, "sq-source": sourceShown, "sq-chips": showRecent, "sq-masthead": outdated,
    }[ident];
    if (shown) watch("value", shown);
    if (ident === "sq-results") dress();
  }

  // What Gradio's own elements lack: a landmark, and a way past the options for those who use the keyboard.
  function dress() {
    const row = one("#sq-ask");
    row.setAttribute("role", "search");
    row.setAttribute("aria-label", seedqaTexts.form);
    const skip = make("button", "sq-skip", seedqaTexts.skip, { type: "button" });
    skip.addEventListener("click", () => (one("#sq-heading") || one("#sq-results")).focus());
    one("#sq-results").setAttribute("tabindex", "-1");
    row.append(skip);
  }

  narrow.addEventListener("change", cover);
  addEventListener("popstate", () => location.reload());

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") {
      const menu = one(".sq-menu[open]");
      if (menu) { menu.open = false; one("summary", menu).focus(); } else if (!typing) close();
    } else if (event.key === "Tab") { // Gradio's list of choices scrolls, which makes it a stop, and then is gone
      for (const list of all('[role="listbox"]')) list.tabIndex = -1;
    } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box()?.focus();
    }
  });

  for (const left of ["click", "focusin"]) {
    document.addEventListener(left, (event) => {
      for (const menu of all(".sq-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    });
  }

  return { asked, busy, compare, idle, listen };
})();
