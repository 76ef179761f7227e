/** Starts the page: theme, shortcuts, and the view that the address names. */

import { getJson, Problem } from "./api.js";
import { showDialog } from "./dialog.js";
import { element } from "./dom.js";
import { mayLeave } from "./leaving.js";
import { problemMessage } from "./message.js";
import { listenForShortcuts, showShortcuts } from "./shortcuts.js";
import { switchTheme, useTheme } from "./theme.js";

const content = document.getElementById("content");
let leave = new AbortController();
let shown = null;
let isAsking = false;

const VIEWS = [
  [/^#\/studies\/([\w.-]+)$/, async (signal, id) => (await import("./study/study_view.js")).showStudy(content, id, signal)],
  [/^(#\/?)?$/, async (signal) => (await import("./worklist/worklist_view.js")).showWorklist(content, signal)],
];

async function showView() {
  shown = location.hash;
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  for (const [pattern, show] of VIEWS) {
    const match = location.hash.match(pattern);
    if (!match) continue;
    content.replaceChildren();
    try {
      await show(signal, ...match.slice(1));
    } catch (problem) {
      if (signal.aborted) return;
      content.replaceChildren(problemMessage(problem, { retry: showView }));
    }
    return;
  }
  location.replace("#/");
}

/** The address has changed: to another view, unless the reader would rather stay. */
async function changeView() {
  if (isAsking || location.hash === shown) return;
  isAsking = true;
  const isLeaving = await mayLeave();
  isAsking = false;
  if (isLeaving) showView();
  else history.replaceState(null, "", shown || "#/");
}

/** What nobody else has shown. */
function tell(event) {
  if (!(event.reason instanceof Problem)) return;
  event.preventDefault();
  const close = element("form", { method: "dialog", class: "actions" }, element("button", { class: "primary" }, "Close"));
  showDialog("That did not work", problemMessage(event.reason), close);
}

/** Past the bar. A link would change the address, which names the view. */
function skipToContent() {
  content.tabIndex = -1;
  content.focus();
  content.removeAttribute("tabindex");
}

useTheme();
document.getElementById("skip").addEventListener("click", skipToContent);
document.getElementById("theme").addEventListener("click", switchTheme);
document.getElementById("help").addEventListener("click", showShortcuts);
listenForShortcuts([
  {
    title: "Everywhere",
    list: [
      { keys: ["g"], says: "Go to the worklist", does: () => (location.hash = "#/") },
      { keys: ["t"], says: "Light or dark", does: switchTheme },
      { keys: ["?"], says: "This list", does: showShortcuts },
    ],
  },
]);
window.addEventListener("hashchange", changeView);
window.addEventListener("unhandledrejection", tell);
showView();
getJson("info").then(
  ({ research_use_only }) => document.getElementById("research-use").setAttribute("title", research_use_only),
  () => {},
);
