/* What the browser does by itself: everything else comes from the server, already escaped.
   Text from documents is only ever set as textContent or taken from attributes, never as HTML. */

const seedqa = (() => {
  "use strict";

  const RECENT = "seedqa.recent", KEPT = 8;
  const parts = {}; // id of a piece of the page -> { element, props }
  let opener = null; // the button that opened the source
  let waiting = 0;

  const one = (selector, within = document) => within.querySelector(selector);
  const answer = () => one(".sq-answer");

  function say(text) {
    let region = one("#sq-live");
    if (!region) {
      region = document.createElement("div");
      region.id = "sq-live";
      region.className = "sq-hidden";
      region.setAttribute("role", "status");
      region.setAttribute("aria-live", "polite");
      document.body.append(region);
    }
    region.textContent = "";
    setTimeout(() => { region.textContent = text; }, 50);
  }

  function toast(text) {
    say(text);
    one(".sq-toast")?.remove();
    const note = document.createElement("div");
    note.className = "sq-toast";
    note.setAttribute("aria-hidden", "true");
    note.textContent = text;
    document.body.append(note);
    setTimeout(() => note.remove(), 2500);
  }

  // Calls a named endpoint, the one that programs use.
  async function call(name, values) {
    const response = await fetch(new URL(`gradio_api/run/${name}`, document.baseURI), {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ data: values }),
    });
    const found = await response.json();
    if (!response.ok) throw new Error(found.error || found.detail || response.statusText);
    return found.data[0];
  }

  // Waiting for an answer

  function busy(values) {
    const pane = one("#sq-results");
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      pane?.setAttribute("aria-busy", "true");
      say(seedqaTexts.searching);
    }, 120);
    return values;
  }

  function arrived() {
    clearTimeout(waiting);
    one("#sq-results")?.setAttribute("aria-busy", "false");
    const shown = answer();
    if (!shown) return;
    const asked = JSON.parse(shown.dataset.asked);
    say(shown.dataset.said);
    remember(asked.question);
    const address = new URL(location.href);
    address.search = "";
    address.searchParams.set("q", asked.question);
    if (asked.k !== 5) address.searchParams.set("k", asked.k);
    if (asked.documents.length) address.searchParams.set("in", asked.documents.join("\n"));
    history.replaceState(null, "", address);
    outdated();
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
    const asked = JSON.parse(shown.dataset.asked);
    const now = form && { question: form[0].trim(), k: form[1], documents: form[2] || [], threshold: form[3] };
    const differs = now && ["question", "k", "documents", "threshold"].some(
      (name) => JSON.stringify(now[name]) !== JSON.stringify(asked[name]));
    const inForce = one(".sq-masthead")?.dataset.snapshot;
    const old = inForce && inForce !== shown.dataset.snapshot;
    const banner = one(".sq-outdated", shown);
    const why = differs ? seedqaTexts.outdatedAsked : old ? seedqaTexts.outdatedIndex : "";
    shown.classList.toggle("sq-stale", Boolean(why));
    if (banner.hidden === !why && one(".sq-why", banner).textContent === why) return;
    one(".sq-why", banner).textContent = why;
    banner.hidden = !why;
  }

  // Recent questions: kept in this browser, nowhere else

  function recent() {
    try { return JSON.parse(localStorage.getItem(RECENT)) || []; } catch { return []; }
  }

  function keep(questions) {
    try { localStorage.setItem(RECENT, JSON.stringify(questions)); } catch { /* private windows may have no room */ }
    showRecent();
  }

  function remember(question) {
    keep([question, ...recent().filter((other) => other !== question)].slice(0, KEPT));
  }

  function showRecent() {
    const list = one("#sq-recent-list");
    if (!list) return;
    const questions = recent();
    one("#sq-recent").hidden = !questions.length;
    list.replaceChildren(...questions.map((question) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sq-chip";
      button.dataset.action = "pick";
      button.dataset.question = question;
      button.textContent = question;
      return button;
    }));
  }

  // Copying and saving

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // not in a secure context
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
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
    URL.revokeObjectURL(link.href);
  }

  // Checking and judging a passage

  async function verify(button) {
    const badge = one(`#sq-state-${button.dataset.rank}`);
    button.disabled = true;
    try {
      const found = await call("verify_citation", [button.dataset.link]);
      badge.className = `sq-state sq-${found.status.replace(" ", "-")}`;
      badge.title = found.detail;
      const sign = document.createElement("span");
      sign.setAttribute("aria-hidden", "true");
      sign.textContent = seedqaTexts.signs[found.status];
      badge.replaceChildren(sign, ` ${found.status}`);
      toast(found.detail);
    } catch (error) {
      toast(error.message);
    } finally {
      button.disabled = false;
      button.focus();
    }
  }

  async function vote(button) {
    const pressed = button.getAttribute("aria-pressed") === "true";
    const useful = pressed ? null : button.dataset.useful === "true";
    const asked = JSON.parse(answer().dataset.asked);
    try {
      await call("give_feedback", [asked.question, button.dataset.link, useful]);
      for (const other of button.parentElement.querySelectorAll(".sq-vote")) {
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
    for (const card of document.querySelectorAll(".sq-card")) {
      card.classList.toggle("sq-current", Boolean(source) && card.dataset.rank === source.dataset.rank);
    }
    if (!source) return;
    const pane = one(".sq-source", source);
    const mark = one("mark", source) || one("#sq-here", source);
    if (pane && mark) {
      const top = mark.getBoundingClientRect().top - pane.getBoundingClientRect().top;
      pane.scrollTop += top - pane.clientHeight / 3;
    }
    one("#sq-context-title", source).focus({ preventScroll: window.innerWidth > 900 });
  }

  function close() {
    const source = parts["sq-source"];
    if (!source || !one(".sq-context")) return;
    source.props.value = "";
    setTimeout(() => {
      sourceShown();
      const back = opener && document.contains(opener.button) ? opener.button : one("#sq-question textarea");
      back?.focus({ preventScroll: true });
      if (opener) window.scrollTo(0, opener.scroll);
      opener = null;
    }, 30);
  }

  // Buttons

  function act(button, trigger, raised) {
    const { action } = button.dataset;
    const shown = answer();
    switch (action) {
      case "copy": return copy(button.dataset.text);
      case "copy-link": return copy(linkTo(button.dataset.link));
      case "save-json": return save(shown.dataset.json, "application/json", "answer.json");
      case "save-markdown": return save(shown.dataset.markdown, "text/markdown", "answer.md");
      case "verify": return verify(button);
      case "vote": return vote(button);
      case "forget": return keep([]);
      case "close": return close();
    }
    if (action === "open" && !button.closest(".sq-context")) opener = { button, scroll: window.scrollY };
    if (raised.includes(action)) trigger(action, { ...button.dataset });
  }

  function listen(element, props, trigger, watch, raised) {
    const ident = element.closest("[id^='sq-']")?.id;
    parts[ident] = { element, props };
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-action]");
      if (!button || button.disabled) return;
      const menu = button.closest(".sq-menu");
      if (menu) { menu.open = false; one("summary", menu).focus(); }
      act(button, trigger, raised);
    });
    const shown = {
      "sq-results": arrived, "sq-source": sourceShown, "sq-chips": showRecent, "sq-masthead": outdated,
    }[ident];
    if (shown) watch("value", shown);
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") {
      const menu = one(".sq-menu[open]");
      if (menu) { menu.open = false; one("summary", menu).focus(); } else if (!typing) close();
    } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      one("#sq-question textarea")?.focus();
    }
  });

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(".sq-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  return { busy, compare, listen };
})();
