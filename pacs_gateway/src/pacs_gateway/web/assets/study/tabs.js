/** Tabs as WAI-ARIA has them: arrows move between them, one panel shows. */

import { element } from "../dom.js";

/** `sections`: [{name, content}]. `select(name)` shows one of them. */
export function tabs(sections) {
  const parts = sections.map(({ name, content }, number) => {
    const tab = element("button", { type: "button", role: "tab", id: `tab-${number}`, "aria-controls": `panel-${number}` }, name);
    const panel = element("div", { role: "tabpanel", id: `panel-${number}`, tabindex: 0, "aria-labelledby": `tab-${number}` }, content);
    tab.addEventListener("click", () => show(number));
    return { name, tab, panel };
  });

  function show(number) {
    parts.forEach(({ tab, panel }, n) => {
      tab.setAttribute("aria-selected", n === number);
      tab.tabIndex = n === number ? 0 : -1;
      panel.hidden = n !== number;
    });
  }
  const list = element("div", { class: "tabs", role: "tablist" }, ...parts.map(({ tab }) => tab));
  list.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const here = parts.findIndex(({ tab }) => tab.tabIndex === 0);
    const next = (here + step + parts.length) % parts.length;
    show(next);
    parts[next].tab.focus();
  });
  show(0);
  return {
    node: element("div", { class: "tabbed" }, list, ...parts.map(({ panel }) => panel)),
    select: (name) => show(parts.findIndex((part) => part.name === name)),
  };
}
