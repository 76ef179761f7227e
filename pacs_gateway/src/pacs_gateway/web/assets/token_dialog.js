/** Asks for the token of a gateway that wants one. */

import { showDialog } from "./dialog.js";
import { element } from "./dom.js";

let asked = null;

/** The token that the reader gives; one dialog, however many requests wait for it. */
export function askForToken({ wasRefused }) {
  asked ??= ask(wasRefused).finally(() => {
    asked = null;
  });
  return asked;
}

async function ask(wasRefused) {
  const field = element("input", { id: "token", type: "password", autocomplete: "current-password", required: true });
  for (;;) {
    await showDialog(
      "Who are you?",
      element(
        "form",
        { method: "dialog", class: "form" },
        wasRefused && element("p", { role: "alert" }, "The gateway refused that token."),
        element("p", {}, "This gateway serves those who have its token. It is kept until this tab is closed."),
        element("label", { for: "token" }, "Token"),
        field,
        element("div", { class: "actions" }, element("button", { class: "primary" }, "Go on")),
      ),
    );
    if (field.value) return field.value;
  }
}
