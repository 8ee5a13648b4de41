"use strict";
// The page works without this: it only folds and unfolds, filters, and opens what a link leads to.
const itemsOf = (section) => [...document.querySelectorAll(`#${section} > .item`)];

function reveal() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.matches("details.item")) {
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }
}

for (const tools of document.querySelectorAll(".tools")) {
  tools.hidden = false;
  for (const button of tools.querySelectorAll("[data-fold]")) {
    button.addEventListener("click", () => {
      for (const item of itemsOf(tools.dataset.for)) item.open = button.dataset.fold === "open";
    });
  }
}

for (const field of document.querySelectorAll("[data-filter]")) {
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const item of itemsOf(field.dataset.filter)) {
      item.hidden = !item.querySelector("summary").textContent.toLowerCase().includes(wanted);
    }
  });
}

// On paper nobody can unfold anything.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details.item:not([open])")];
  for (const item of folded) item.open = true;
});
addEventListener("afterprint", () => {
  for (const item of folded) item.open = false;
});

addEventListener("hashchange", reveal);
reveal();
