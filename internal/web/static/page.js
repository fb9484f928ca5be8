// What makes the pages live. Everything here is on top of pages that are whole
// without it; rows and details come from the server as HTML that it has escaped.
"use strict";

const $ = (id) => document.getElementById(id);
const say = (text) => { $("said").textContent = text; };

// --- light and dark --------------------------------------------------------

function theme() {
  const button = document.querySelector(".theme");
  const root = document.documentElement;
  const saved = () => { try { return localStorage.getItem("scheme"); } catch { return null; } };
  if (saved()) root.dataset.scheme = saved();
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = root.dataset.scheme ? root.dataset.scheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.scheme = dark ? "light" : "dark";
    try { localStorage.setItem("scheme", root.dataset.scheme); } catch { /* then it is for this page only */ }
  });
}

// --- copying ---------------------------------------------------------------

function copying(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        say("Copied");
        const label = button.textContent;
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = label; }, 1500);
      } catch {
        getSelection().selectAllChildren(button.parentElement.querySelector("code"));
        say("Selected; copy it with the keyboard");
      }
    });
  }
}

// --- the list --------------------------------------------------------------

const keepRows = 500;

class List {
  constructor(table) {
    this.table = table;
    this.rows = $("rows");
    this.box = $("q");
    this.last = table.dataset.last;
    this.paused = false;
    this.waiting = [];
    this.drawer = new Drawer(this);
    this.rows.addEventListener("click", (e) => this.clicked(e));
    if (table.dataset.live !== "yes") return;
    $("live").hidden = $("pause").hidden = false;
    $("pause").addEventListener("click", () => this.pause(!this.paused));
    this.box.addEventListener("input", () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.filter(), 200); });
    this.box.form.addEventListener("submit", (e) => { e.preventDefault(); this.filter(); });
    for (const chip of document.querySelectorAll(".chips a")) {
      chip.addEventListener("click", (e) => {
        if (e.metaKey || e.ctrlKey || e.shiftKey) return;
        e.preventDefault();
        this.box.value = chip.dataset.query;
        this.filter();
      });
    }
    addEventListener("pagehide", () => this.source?.close());
    addEventListener("pageshow", (e) => { if (e.persisted) this.watch(); });
    this.watch();
  }

  // watch follows what comes from now on, behind the last lookup of the list.
  watch() {
    this.source?.close();
    this.source = new EventSource("/stream?" + new URLSearchParams({ q: this.box.value, after: this.last }));
    this.source.addEventListener("open", () => this.show("live", ""));
    this.source.addEventListener("error", () => {
      this.show("no connection to the proxy", "lost");
      // A refusal ends an EventSource for good; the proxy may have room again.
      if (this.source.readyState === EventSource.CLOSED) { clearTimeout(this.retry); this.retry = setTimeout(() => this.watch(), 5000); }
    });
    this.source.addEventListener("lookups", (e) => { this.last = e.lastEventId; this.arrived(e.data); });
    this.source.addEventListener("missed", (e) => this.show("live, too fast to show all: " + e.data + " left out", ""));
  }

  show(text, mood) {
    const live = $("live");
    if (this.paused && mood === "") [text, mood] = ["paused" + (this.waiting.length ? ", " + this.count() + " new" : ""), "off"];
    live.textContent = text;
    live.className = "live " + mood;
  }

  count() { return this.waiting.reduce((n, html) => n + html.split("<tr ").length - 1, 0); }

  pause(on) {
    this.paused = on;
    $("pause").textContent = on ? "Go on" : "Pause";
    $("pause").setAttribute("aria-pressed", on);
    if (!on) { for (const html of this.waiting.splice(0)) this.insert(html); }
    this.show("live", "");
  }

  arrived(html) {
    if (!this.paused) { this.insert(html); return; }
    this.waiting.push(html);
    if (this.waiting.length > 200) this.waiting.shift();
    this.show("live", "");
  }

  insert(html) {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    for (const row of [...fresh.content.children]) {
      if ($(row.id)) row.remove(); // it is there since the list was made
      else row.classList.add("new");
    }
    this.rows.prepend(fresh.content);
    while (this.rows.children.length > keepRows) this.rows.lastElementChild.remove();
    if (this.rows.children.length) $("nothing").hidden = true;
  }

  // filter asks for the list anew, and follows with the same words.
  async filter() {
    const q = this.box.value;
    let answer;
    try { answer = await fetch("/rows?" + new URLSearchParams({ q })); } catch { this.show("no connection to the proxy", "lost"); return; }
    const text = await answer.text();
    if (q !== this.box.value) return; // typed on meanwhile
    const wrong = $("wrong");
    wrong.hidden = answer.ok;
    wrong.textContent = answer.ok ? "" : text;
    if (!answer.ok) return;
    this.rows.innerHTML = text;
    this.waiting = [];
    this.last = answer.headers.get("Last-Lookup");
    const none = this.rows.children.length === 0;
    $("nothing").hidden = !none;
    if (none && q) {
      $("nothing").replaceChildren(Object.assign(document.createElement("h2"), { textContent: "No lookup fits this filter" }));
    }
    for (const chip of document.querySelectorAll(".chips a")) {
      if (chip.dataset.query === q) chip.setAttribute("aria-current", "true"); else chip.removeAttribute("aria-current");
    }
    const older = $("older");
    if (older) older.href = "/?" + new URLSearchParams({ source: "journal", q });
    history.replaceState(null, "", q ? "/?" + new URLSearchParams({ q }) : "/");
    say(none ? "No lookup fits" : this.rows.children.length + " lookups");
    this.watch();
  }

  clicked(e) {
    const row = e.target.closest("tr");
    if (!row || e.metaKey || e.ctrlKey || e.shiftKey || getSelection().toString()) return;
    e.preventDefault();
    this.drawer.open(row);
  }

  // step moves to the next row (1) or the one before (-1).
  step(by) {
    const on = this.rows.querySelector("tr.on") || document.activeElement.closest?.("#rows tr");
    const to = on ? (by > 0 ? on.nextElementSibling : on.previousElementSibling) : this.rows.firstElementChild;
    if (!to) return;
    to.querySelector(".about a").focus();
    if (this.drawer.isOpen()) this.drawer.open(to);
  }
}

class Drawer {
  constructor(list) { this.list = list; this.box = $("drawer"); }
  isOpen() { return !this.box.hidden; }

  async open(row) {
    const link = row.querySelector(".about a");
    for (const on of document.querySelectorAll("#rows tr.on")) on.classList.remove("on");
    row.classList.add("on");
    this.row = row;
    let html;
    try { html = await (await fetch(link.href + "?part=drawer")).text(); } catch { location.href = link.href; return; }
    if (this.row !== row) return; // another one was opened meanwhile
    this.box.innerHTML = html;
    // After a restart of the proxy the number may be another lookup's.
    if (this.box.querySelector(".head")?.dataset.of !== row.id) this.box.textContent = "This lookup is not among the latest any more.";
    const close = Object.assign(document.createElement("button"), { type: "button", className: "quiet close", textContent: "Close" });
    close.addEventListener("click", () => this.close());
    this.box.prepend(close);
    copying(this.box);
    const opened = this.box.hidden;
    this.box.hidden = false;
    this.box.parentElement.classList.add("open");
    this.box.scrollTop = 0;
    if (opened) this.box.focus({ preventScroll: matchMedia("(min-width: 56.01rem)").matches });
  }

  close() {
    this.box.hidden = true;
    this.box.parentElement.classList.remove("open");
    this.row?.classList.remove("on");
    this.row?.querySelector(".about a").focus();
    this.row = null;
  }
}

function keys(list) {
  addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      if (document.querySelector(".help[open]")) document.querySelector(".help").open = false;
      else if (list.drawer.isOpen()) list.drawer.close();
      return;
    }
    if (e.metaKey || e.ctrlKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
    switch (e.key) {
    case "/": e.preventDefault(); list.box.focus(); list.box.select(); break;
    case "j": list.step(1); break;
    case "k": list.step(-1); break;
    case "p": if (!$("pause")?.hidden) list.pause(!list.paused); break;
    }
  });
}

// --- trying ----------------------------------------------------------------

function trying(form) {
  const relevant = () => {
    const question = form.querySelector("[name=question]:checked").value;
    for (const field of form.querySelectorAll("[data-for]")) field.hidden = !field.dataset.for.split(" ").includes(question);
  };
  form.addEventListener("change", relevant);
  relevant();
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const button = $("ask");
    button.disabled = true;
    button.textContent = "Asking …";
    try {
      const body = new URLSearchParams(new FormData(form));
      body.set("part", "answer");
      $("tried").innerHTML = await (await fetch("/try", { method: "POST", body })).text();
    } catch {
      $("tried").textContent = "The proxy does not answer.";
    }
    button.disabled = false;
    button.textContent = "Test";
  });
}

theme();
copying(document);
if ($("rows")) keys(new List(document.querySelector("table.lookups")));
if ($("try")) trying($("try"));
