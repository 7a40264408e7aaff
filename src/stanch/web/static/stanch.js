// What pages do beyond links and forms. Everything here is an addition: without it the pages still work. No dependencies.
//
// Behaviour hangs on attributes (the macros write most of them):
//   html.scripts .scripted / .unscripted          shown only with, or only without, this script
//   <time datetime data-ago>                      stays true; its title tells the reader's own time
//   [data-dialog="id"], [data-close]              open a <dialog>, close the one around
//   [data-copy="text"], [data-copy-from="#id"]    copy, and say so
//   [data-toast="leave|stay"], [data-dismiss]     messages; HX-Trigger: {"toast": {"text": "…", "kind": "success"}} adds one
//   details[data-menu]                            closes on Escape and on a click elsewhere
//   form[data-filter]                             no empty parameters in addresses; .facet counts what is chosen
//   [data-bulk] [data-select], [data-select-all], [data-select-none], [data-selected-count]     selection; shift selects all between
//   [data-list] [data-row] [data-open]            j, k, x, Shift+X, o, Enter
//   [data-search]                                 / goes there
//   [data-key="e"]                                that key presses it; inside [data-bulk-bar] on what is selected, or the row one is on
//   [data-go="i"]                                 g and then that key follows it
//   [data-poll]                                   polls only while somebody looks, and not while a menu or dialog inside is open
//   [data-focus]                                  has the focus when the page is there
//   form[data-theme-form]                         changes the theme without a round trip
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripts");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const first = (selector, within = document) => within.querySelector(selector);
  const visible = (element) => Boolean(element) && !element.disabled && (element.checkVisibility ? element.checkVisibility({ visibilityProperty: true }) : element.offsetParent !== null);
  const within = (element) => element.closest("details[data-menu]:not([open])"); // a closed menu
  const onReady = (work) => (document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", work) : work());

  // ── times: <time datetime data-ago> ──────────────────────────────────────────────────────────────────────────────
  const UNITS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [1209600, 86400, "d"], [6048000, 604800, "w"], [63072000, 2629800, "mo"], [Infinity, 31557600, "y"]];
  const whole = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
  function ago(time, now) {
    const seconds = (now - time) / 1000;
    if (Math.abs(seconds) < 45) return "just now";
    const [, size, unit] = UNITS.find(([limit]) => Math.abs(seconds) < limit);
    const text = `${Math.floor(Math.abs(seconds) / size)}\u00a0${unit}`;
    return seconds > 0 ? `${text} ago` : `in ${text}`;
  }
  function tellTimes(within = document) {
    const now = Date.now();
    for (const element of all("time[datetime]", within)) {
      const time = Date.parse(element.dateTime);
      if (Number.isNaN(time)) continue;
      if (element.dataset.ago !== undefined) {
        const text = ago(time, now);
        if (element.textContent !== text) element.textContent = text;
      }
      if (!element.dataset.told) {
        element.dataset.told = "1";
        element.title = `${whole.format(time)} your time \u00b7 ${element.dateTime.replace("T", " ").replace("Z", " UTC")}`;
      }
    }
  }

  // ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────
  const STAYS = 6000;
  function armToast(toast) {
    if (toast.dataset.armed) return;
    toast.dataset.armed = "1";
    if (toast.dataset.toast === "stay") return;
    let timer = setTimeout(() => toast.remove(), STAYS);
    const hold = () => clearTimeout(timer);
    const go = () => { hold(); timer = setTimeout(() => toast.remove(), STAYS / 2); };
    toast.addEventListener("mouseenter", hold);
    toast.addEventListener("focusin", hold);
    toast.addEventListener("mouseleave", go);
    toast.addEventListener("focusout", go);
  }
  function toast(text, kind = "success") {
    const region = first("#toasts");
    if (!region || !text) return;
    const item = document.createElement("div");
    item.className = `toast ${["success", "info", "warning", "error"].includes(kind) ? kind : "info"}`;
    item.dataset.toast = kind === "error" ? "stay" : "leave";
    if (kind === "error") item.setAttribute("role", "alert");
    const words = document.createElement("p");
    words.textContent = text;
    const close = document.createElement("button");
    close.className = "button ghost square small";
    close.type = "button";
    close.dataset.dismiss = "";
    close.setAttribute("aria-label", "Dismiss");
    close.textContent = "\u00d7";
    item.append(words, close);
    region.append(item);
    armToast(item);
  }
  document.addEventListener("toast", (event) => toast(event.detail?.text ?? event.detail?.value, event.detail?.kind)); // HX-Trigger: {"toast": {"text": …}}

  // ── dialogs: <button data-dialog="id">, <button data-close> ─────────────────────────────────────────────────────
  function openDialog(id) {
    const dialog = document.getElementById(id);
    if (!dialog || dialog.open || typeof dialog.showModal !== "function") return false;
    all("details[data-menu][open]").forEach((menu) => (menu.open = false));
    dialog.showModal();
    first("[autofocus], input:not([type=hidden]), select, textarea", dialog)?.focus();
    return true;
  }

  // ── copying: <button data-copy="text"> ──────────────────────────────────────────────────────────────────────────
  async function copy(button) {
    const from = button.dataset.copyFrom;
    const text = from ? first(from)?.textContent ?? "" : button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea"); // plain http knows no clipboard
      area.value = text;
      area.className = "sr";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.classList.add("copied");
    const label = button.getAttribute("aria-label");
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => { button.classList.remove("copied"); button.setAttribute("aria-label", label ?? "Copy"); }, 1600);
  }

  // ── selection: [data-bulk] with [data-select], [data-select-all], [data-selected-count] ─────────────────────────
  let lastBox = null;
  const boxes = (form) => all("[data-select]", form);
  function tellSelection(form) {
    const rows = boxes(form);
    const chosen = rows.filter((box) => box.checked).length;
    all("[data-selected-count]", form).forEach((place) => (place.textContent = String(chosen)));
    const every = first("[data-select-all]", form);
    if (every) {
      every.checked = chosen > 0 && chosen === rows.length;
      every.indeterminate = chosen > 0 && chosen < rows.length;
    }
  }
  function select(box, on, through) {
    const form = box.closest("[data-bulk]");
    const rows = form ? boxes(form) : [box];
    if (through && lastBox && rows.includes(lastBox)) {
      const [low, high] = [rows.indexOf(lastBox), rows.indexOf(box)].sort((a, b) => a - b);
      for (let at = low; at <= high; at += 1) rows[at].checked = on;
    }
    box.checked = on;
    lastBox = box;
    if (form) tellSelection(form);
  }
  const clearSelection = () => {
    const chosen = all("[data-select]:checked");
    chosen.forEach((box) => (box.checked = false));
    all("[data-bulk]").forEach(tellSelection);
    return chosen.length > 0;
  };

  // ── facets say how many of their values are chosen ──────────────────────────────────────────────────────────────
  function tellFacet(facet) {
    const chosen = all("input:checked", facet).length;
    const summary = first("summary", facet);
    summary.classList.toggle("on", chosen > 0);
    let count = first(".facet-count", summary);
    if (!chosen) { count?.remove(); return; }
    if (!count) {
      count = document.createElement("span");
      count.className = "facet-count";
      first("span", summary).after(count);
    }
    count.textContent = String(chosen);
  }

  // ── the theme: form[data-theme-form] ────────────────────────────────────────────────────────────────────────────
  function setTheme(theme) {
    root.dataset.theme = theme;
    document.cookie = `stanch_theme=${theme}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
    const scheme = first('meta[name="color-scheme"]');
    if (scheme) scheme.content = theme === "auto" ? "light dark" : theme;
    all("[data-theme-form] button").forEach((button) => button.setAttribute("aria-pressed", String(button.value === theme)));
  }

  // ── clicks ───────────────────────────────────────────────────────────────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    const at = event.target instanceof Element ? event.target : null;
    if (!at) return;
    all("details[data-menu][open]").forEach((menu) => { if (!menu.contains(at)) menu.open = false; });
    const opener = at.closest("[data-dialog]");
    if (opener) { event.preventDefault(); openDialog(opener.dataset.dialog); return; }
    if (at.closest("[data-close]")) { event.preventDefault(); at.closest("dialog")?.close(); return; }
    if (at.nodeName === "DIALOG") { at.close(); return; } // its backdrop
    const copier = at.closest("[data-copy], [data-copy-from]");
    if (copier) { copy(copier); return; }
    if (at.closest("[data-dismiss]")) { at.closest("[data-toast], .notice")?.remove(); return; }
    if (at.closest("[data-select-none]")) { clearSelection(); return; }
    const box = at.closest("[data-select]");
    if (box) { select(box, box.checked, event.shiftKey); return; }
    const every = at.closest("[data-select-all]");
    if (every) {
      const form = every.closest("[data-bulk]");
      boxes(form).forEach((one) => (one.checked = every.checked));
      tellSelection(form);
    }
  });
  document.addEventListener("mousedown", (event) => { // shift and click would select text
    if (event.shiftKey && event.target instanceof Element && event.target.closest("[data-list]")) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    const facet = event.target instanceof Element ? event.target.closest(".facet") : null;
    if (facet) tellFacet(facet);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
    if (form.matches("[data-theme-form]") && event.submitter) {
      event.preventDefault();
      setTheme(event.submitter.value);
      return;
    }
    if (form.matches("[data-filter]")) { // addresses without empty parameters
      all("input, select", form).forEach((field) => { if (field.value === "" && !field.disabled) { field.disabled = true; setTimeout(() => (field.disabled = false)); } });
      return;
    }
    if (form.method === "post" && !form.hasAttribute("hx-post") && form.method !== "dialog") { // one click, one request
      setTimeout(() => {
        const pressed = event.submitter ?? first("button[type=submit]", form);
        pressed?.setAttribute("aria-busy", "true");
      });
    }
  });
  window.addEventListener("pageshow", () => all("[aria-busy=true].button").forEach((button) => button.removeAttribute("aria-busy")));

  // ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  const WAITS = 1200; // for the second key after g
  let went = 0;
  const isWriting = (target) => target instanceof Element && target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  const rows = () => all("[data-list] [data-row]").filter(visible);
  const rowOf = (element) => element?.closest?.("[data-list] [data-row]");
  function move(by) {
    const list = rows();
    if (!list.length) return;
    const here = list.indexOf(rowOf(document.activeElement));
    const next = list[Math.min(list.length - 1, Math.max(0, here < 0 ? (by > 0 ? 0 : list.length - 1) : here + by))];
    (first("[data-open]", next) ?? first("a, button", next))?.focus();
    next.scrollIntoView({ block: "nearest" });
  }
  function toggleRow(through) {
    const box = first("[data-select]", rowOf(document.activeElement) ?? document.createElement("i"));
    if (box) select(box, !box.checked, through);
    return Boolean(box);
  }
  function act(key) {
    const found = all("[data-key]").filter((element) => element.dataset.key === key);
    const bar = found.filter((element) => element.closest("[data-bulk-bar]"));
    if (bar.length) { // acts on what is selected, or on the row one is on
      if (!first("[data-select]:checked") && !toggleRow(false)) return false;
    }
    const open = first("dialog[open]");
    const able = open ? found.filter((element) => open.contains(element)) : found;
    const target = able.find(visible) ?? able.find((element) => !element.disabled && within(element) && visible(within(element)));
    if (!target) return false;
    target.click();
    return true;
  }
  function go(key) {
    const link = all("[data-go]").find((element) => element.dataset.go === key);
    if (!link) return false;
    link.click();
    return true;
  }
  function escape() {
    const menu = first("details[data-menu][open]");
    if (menu) { menu.open = false; first("summary", menu)?.focus(); return true; }
    return clearSelection();
  }
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const key = event.key;
    if (key === "Escape") {
      if (first("dialog[open]")) return;
      if (isWriting(event.target)) { event.target.blur(); return; }
      if (escape()) event.preventDefault();
      return;
    }
    if (isWriting(event.target)) return;
    const modal = first("dialog[open]");
    if (modal) { if (key === "?" && modal.id === "keys-help") modal.close(); return; }
    const waited = Date.now() - went < WAITS;
    went = 0;
    let done = true;
    if (waited && go(key)) done = true;
    else if (key === "g") went = Date.now();
    else if (key === "?") done = openDialog("keys-help");
    else if (key === "/") {
      const field = all("[data-search]").find(visible) ?? all(".top-search input").find(visible);
      field?.focus();
      field?.select();
      done = Boolean(field);
    }
    else if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
    else if (key === "x" || key === "X") done = toggleRow(event.shiftKey);
    else if (key === "o" && rowOf(document.activeElement)) first("[data-open]", rowOf(document.activeElement))?.click();
    else done = key.length === 1 && act(key);
    if (done) event.preventDefault();
  });

  // ── htmx: short addresses, quiet polling, failures said aloud ───────────────────────────────────────────────────
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const form = ctx.sourceElement?.closest?.("[data-filter]");
    const body = ctx.request?.body;
    if (form && body instanceof FormData) for (const name of new Set([...body.keys()])) {
      const kept = body.getAll(name).filter((value) => value !== "");
      body.delete(name);
      kept.forEach((value) => body.append(name, value));
    }
  });
  document.addEventListener("htmx:before:request", (event) => {
    const source = event.detail.ctx.sourceElement;
    // Nobody looks, or somebody is in the middle of something inside: the next round will do.
    if (source?.matches?.("[data-poll]") && (document.hidden || source.querySelector("dialog[open], details[data-menu][open]"))) event.preventDefault();
  });
  const FAILED = { 401: "You are signed out. Reload the page to sign in again.", 403: "You may not do that here.", 429: "Too many requests. Wait a moment and try again." };
  document.addEventListener("htmx:response:error", (event) => {
    const status = event.detail.ctx?.response?.status ?? 0;
    if (event.detail.ctx?.sourceElement?.matches?.("[data-poll]") && status >= 500) return;
    if (status in FAILED) toast(FAILED[status], "error");
    else if (status >= 500) toast("The server could not do that. Nothing was changed on this page; try again.", "error");
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx?.response || event.detail.ctx?.sourceElement?.matches?.("[data-poll]")) return;
    if (event.detail.error?.name === "AbortError") return;
    toast("The server does not answer. Check the connection and try again.", "error");
  });
  function settle(within) {
    tellTimes(within);
    all("[data-toast]").forEach(armToast);
    all("[data-bulk]").forEach(tellSelection);
  }
  document.addEventListener("htmx:after:swap", () => settle(document));

  onReady(() => {
    settle(document);
    first("[data-focus]")?.focus();
    setInterval(tellTimes, 30000);
  });
})();
