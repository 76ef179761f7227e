/** Keyboard shortcuts: the view says which it has, the dialog shows them, and they can be switched off. */

import { showDialog } from "./dialog.js";
import { element } from "./dom.js";

const SWITCH = "hunet.shortcuts";

let bindings = [];
let everywhere = [];

/** `groups`: those of every view. */
export function listenForShortcuts(groups) {
  everywhere = groups;
  // On the window and before anyone else: the viewer's canvas has keys of its own.
  window.addEventListener("keydown", onKey, { capture: true });
}

/** The view's shortcuts, [{title, list: [{keys: ["j"], says: "Next lesion", does: fn}]}], until `signal` aborts. */
export function useShortcuts(groups, signal) {
  bindings = groups;
  signal.addEventListener("abort", () => {
    if (bindings === groups) bindings = [];
  });
}

export async function showShortcuts() {
  const toggle = element("input", { type: "checkbox", id: "single-keys", checked: areOn() });
  toggle.addEventListener("change", () => localStorage.setItem(SWITCH, toggle.checked ? "on" : "off"));
  await showDialog(
    "Keyboard shortcuts",
    element("div", { class: "shortcuts" }, ...[...bindings, ...everywhere].map(section)),
    element("label", { class: "switch" }, toggle, "Single-key shortcuts"),
    element("form", { method: "dialog", class: "actions" }, element("button", { class: "primary" }, "Close")),
  );
}

function section({ title, list }) {
  const rows = list.map(({ keys, says }) => [
    element("dt", {}, ...keys.map((key) => element("kbd", {}, shown(key)))),
    element("dd", {}, says),
  ]);
  return element("section", {}, element("h3", {}, title), element("dl", {}, ...rows));
}

function onKey(event) {
  if (document.querySelector("dialog[open]") || isTyping(event)) return;
  const key = `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
  if (event.altKey || (!areOn() && key.length === 1)) return;
  const binding = [...bindings, ...everywhere].flatMap(({ list }) => list).find(({ keys }) => keys.includes(key));
  if (!binding) return;
  event.preventDefault();
  event.stopPropagation();
  binding.does();
}

/** A field takes its own keys; so does a slider or a list take the arrows. */
function isTyping({ target, key }) {
  if (target.matches?.("input[type=range], select, [role=tab], [role=row], [role=tabpanel], [role=region]")) return key.startsWith("Arrow") || key === " ";
  return target.matches?.("input:not([type=checkbox]), textarea") ?? false;
}

function areOn() {
  return localStorage.getItem(SWITCH) !== "off";
}

function shown(key) {
  const names = { ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
  if (key.startsWith("Ctrl+")) return `Ctrl ${shown(key.slice(5))}`;
  return names[key] ?? key.toUpperCase();
}
