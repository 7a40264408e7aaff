// Filters, sorts and unfolds what is already in the page. Without this script the page is a plain list.
"use strict";
(function () {
  const byId = (id) => document.getElementById(id);
  const facts = JSON.parse(byId("facts").textContent);
  const list = byId("secrets");
  if (!list) { return; }
  const items = Array.from(list.children);
  const form = byId("filters");
  const severity = Array.from(form.querySelectorAll("input[name=severity]"));
  const fold = (text) => text.toLowerCase().normalize("NFKC");
  const texts = facts.map((fact) => fold(fact.text));
  const paths = facts.map((fact) => fold(fact.paths.join("\n")));

  function matches(index) {
    const fact = facts[index];
    const words = fold(byId("search").value).split(/\s+/).filter(Boolean);
    const path = fold(byId("path").value.trim());
    const detector = byId("detector").value;
    const head = byId("head").value;
    return severity.some((box) => box.checked && box.value === fact.severity)
      && (!detector || detector === fact.detector)
      && fact.confidence >= Number(byId("confidence").value)
      && (!head || head === fact.head)
      && (!path || paths[index].includes(path))
      && words.every((word) => texts[index].includes(word));
  }

  function filter() {
    let shown = 0;
    items.forEach((item, index) => {
      const visible = matches(index);
      item.hidden = !visible;
      shown += visible ? 1 : 0;
    });
    byId("count").textContent = shown === items.length
      ? "All " + items.length + " shown"
      : shown + " of " + items.length + " shown";
    byId("nothing").hidden = shown > 0;
  }

  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const orders = {
    severity: () => 0,
    path: (a, b) => compare(facts[a].paths[0], facts[b].paths[0]),
    detector: (a, b) => compare(facts[a].detector, facts[b].detector),
    places: (a, b) => facts[b].places - facts[a].places,
    newest: (a, b) => compare(facts[b].date, facts[a].date),
    oldest: (a, b) => compare(facts[a].date || "9", facts[b].date || "9"),
  };

  function sort() {
    const order = orders[byId("sort").value];
    const indexes = items.map((_, index) => index).sort((a, b) => order(a, b) || a - b);
    const fragment = document.createDocumentFragment();
    indexes.forEach((index) => fragment.appendChild(items[index]));
    list.appendChild(fragment);
  }

  const details = () => items.filter((item) => !item.hidden).map((item) => item.querySelector("details"));
  let closed = [];

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { filter(); sort(); }));
  byId("sort").addEventListener("change", sort);
  byId("open-all").addEventListener("click", () => details().forEach((item) => { item.open = true; }));
  byId("close-all").addEventListener("click", () => details().forEach((item) => { item.open = false; }));
  window.addEventListener("beforeprint", () => {
    closed = details().filter((item) => !item.open);
    closed.forEach((item) => { item.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((item) => { item.open = false; }));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
      event.preventDefault();
      byId("search").focus();
    }
  });

  document.querySelectorAll(".scripted").forEach((part) => { part.hidden = false; });
  filter();
  sort();
}());
