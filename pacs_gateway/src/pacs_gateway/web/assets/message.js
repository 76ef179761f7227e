/** What the page says in place of content: nothing there, or something went wrong. */

import { element } from "./dom.js";

/** A problem with its fix, a button where `retry` can help, and what else there is to say. */
export function problemMessage(problem, { retry } = {}, ...more) {
  return element(
    "section",
    { class: "message problem", role: "alert" },
    element("h2", {}, problem.title ?? "The page has failed"),
    problem.message && element("p", {}, problem.message),
    problem.fix && element("p", { class: "fix" }, problem.fix),
    retry && element("button", { type: "button", onclick: retry }, "Try again"),
    ...more,
  );
}

export function emptyMessage(title, ...content) {
  return element("section", { class: "message" }, element("h2", {}, title), ...content);
}
