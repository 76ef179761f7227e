/** Correction: the reader draws on the marks, and accepts what is left as theirs. */

import { request } from "../api.js";
import { showDialog } from "../dialog.js";
import { announce, element } from "../dom.js";
import { volume } from "../format.js";
import { askBeforeLeaving } from "../leaving.js";
import { problemMessage } from "../message.js";
import { MARKED } from "./viewer.js";

const NAME = "hunet.reader";
// NiiVue's pens: a positive value draws it, 0 erases, -0 erases all that is connected.
const PENS = [
  ["add", "Add", MARKED],
  ["erase", "Erase", 0],
  ["remove", "Remove lesion", -0],
];

/** Shows its bar in `room` and resolves to the accepted correction, or null when the reader leaves it. */
export class CorrectionMode {
  constructor(study, layer, room) {
    Object.assign(this, { study, layer, viewer: layer.viewer, room });
    this.isSending = false;
    this.warn = (event) => {
      this.showChange();
      if (this.isChanged) event.preventDefault();
    };
    this.change = element("output", { class: "change", "aria-live": "polite" });
    this.pens = PENS.map(([name, says, value]) => [
      name,
      element("button", { type: "button", class: "quiet", onclick: () => this.take(name, value) }, says),
    ]);
    this.size = element("input", { type: "range", min: 1, max: 9, step: 2, value: 3, "aria-label": "Pen size, voxels" });
    this.size.addEventListener("input", () => (this.viewer.nv.opts.penSize = Number(this.size.value)));
    this.bar = element(
      "div",
      { class: "toolbar correcting", role: "toolbar", "aria-label": "Correction" },
      element("div", { class: "group", role: "group", "aria-label": "Pen" }, ...this.pens.map(([, button]) => button)),
      this.size,
      element("button", { type: "button", class: "quiet", onclick: () => this.undo() }, "Undo"),
      this.change,
      element("button", { type: "button", class: "quiet", onclick: () => this.discard() }, "Discard"),
      element("button", { type: "button", class: "primary", onclick: () => this.accept() }, "Accept …"),
    );
  }

  /** Resolves when the reader has done: to the new revision, or null. */
  start() {
    this.layer.choose(0);
    this.before = this.viewer.drawing.slice();
    const { nv } = this.viewer;
    nv.drawClearAllUndoBitmaps();
    nv.drawAddUndoBitmap();
    nv.setDrawingEnabled(true);
    nv.opts.penSize = Number(this.size.value);
    nv.opts.floodFillNeighbors = 26;
    this.strokes = new AbortController();
    // After NiiVue's own listeners, and also where a stroke ends beside the canvas. NiiVue tells of strokes, but not of a
    // lesion that was removed.
    for (const end of ["mouseup", "touchend", "touchcancel"]) {
      window.addEventListener(end, () => this.showChange(), { signal: this.strokes.signal });
    }
    this.take("add", MARKED);
    this.room.replaceChildren(this.bar);
    this.pens[0][1].focus();
    window.addEventListener("beforeunload", this.warn);
    askBeforeLeaving(() => this.discard());
    this.showChange();
    return new Promise((resolve) => (this.resolve = resolve));
  }

  take(name, value) {
    this.viewer.nv.setPenValue(value, false);
    for (const [one, button] of this.pens) button.setAttribute("aria-pressed", one === name);
  }

  undo() {
    if (this.isSending) return;
    this.viewer.nv.drawUndo();
    this.showChange();
  }

  showChange() {
    let added = 0;
    let erased = 0;
    this.viewer.drawing.forEach((value, index) => {
      if (value && !this.before[index]) added += 1;
      else if (!value && this.before[index]) erased += 1;
    });
    this.isChanged = added + erased > 0;
    const figure = (sign, voxels) => element("span", { class: sign === "+" ? "added" : "erased" }, `${sign}${volume(voxels * this.viewer.voxel_ml)}`);
    if (this.isSending) this.change.replaceChildren("Sending …");
    else this.change.replaceChildren(figure("+", added), " ", figure("−", erased), " ml");
  }

  /** Asks for a name, sends the mask, and leaves once the gateway has it. */
  async accept() {
    if (this.isSending) return;
    const author = element("input", { id: "author", required: true, autocomplete: "name", maxlength: 64, value: localStorage.getItem(NAME) ?? "" });
    const comment = element("textarea", { id: "comment", rows: 2, maxlength: 500 });
    const choice = await showDialog(
      "Accept this correction?",
      element("p", {}, "It is kept beside the model's result, which stays as it is, and listed for retraining."),
      element(
        "form",
        { method: "dialog", class: "form" },
        element("label", { for: "author" }, "Your name"),
        author,
        element("label", { for: "comment" }, "Comment (nothing about the patient)"),
        comment,
        element(
          "div",
          { class: "actions" },
          element("button", { type: "submit", class: "quiet", value: "", formnovalidate: true }, "Go on correcting"),
          element("button", { type: "submit", class: "primary", value: "accept" }, "Accept"),
        ),
      ),
    );
    if (choice !== "accept") return;
    localStorage.setItem(NAME, author.value);
    this.setSending(true);
    try {
      this.leave(await this.send(author.value, comment.value));
    } catch (problem) {
      this.setSending(false);
      await showDialog(
        "Not kept",
        problemMessage(problem),
        element("form", { method: "dialog", class: "actions" }, element("button", { class: "primary" }, "Go on correcting")),
      );
    }
  }

  /** What is drawn while a correction is on its way would not be in it. */
  setSending(isSending) {
    this.isSending = isSending;
    this.bar.inert = isSending;
    this.viewer.nv.setDrawingEnabled(!isSending);
    this.showChange();
  }

  async send(author, comment) {
    const query = new URLSearchParams({ author, comment });
    const answer = await request(`studies/${this.study.id}/corrections?${query}`, {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: await this.viewer.maskFile(),
    });
    const correction = await answer.json();
    announce(`Correction ${correction.revision} is kept.`);
    return correction;
  }

  /** Asks first, where strokes would be lost. Resolves to whether the reader has left. */
  async discard() {
    if (this.isSending) return false;
    this.showChange();
    if (this.isChanged) {
      const choice = await showDialog(
        "Discard your strokes?",
        element(
          "form",
          { method: "dialog", class: "actions" },
          element("button", { class: "quiet", value: "" }, "Go on correcting"),
          element("button", { class: "danger", value: "discard" }, "Discard"),
        ),
      );
      if (choice !== "discard") return false;
    }
    this.leave(null);
    return true;
  }

  leave(correction) {
    window.removeEventListener("beforeunload", this.warn);
    askBeforeLeaving(null);
    const { nv } = this.viewer;
    nv.setDrawingEnabled(false);
    this.strokes.abort();
    this.room.replaceChildren();
    if (!correction) this.viewer.restore(this.before);
    this.resolve(correction);
  }
}
