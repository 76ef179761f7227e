/** A modal dialog, gone from the page once it is closed. */

import { element } from "./dom.js";

/** Shows it; resolves to the value of the button that closed it, "" for Escape. */
export function showDialog(title, ...content) {
  const heading = element("h2", { id: "dialog-title" }, title);
  const dialog = element("dialog", { "aria-labelledby": "dialog-title" }, heading, ...content);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}
