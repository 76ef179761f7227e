/** Which studies of the worklist are shown. */

import { element } from "../dom.js";
import { stateKind } from "../study_state.js";

const KINDS = [
  ["all", "All"],
  ["working", "Working"],
  ["done", "Done"],
  ["failed", "Failed"],
];

export class Filters {
  /** `onChange()` when the reader chooses otherwise. */
  constructor(onChange) {
    this.kind = "all";
    this.counts = new Map(KINDS.map(([kind]) => [kind, element("span", { class: "count" })]));
    this.search = element("input", { type: "search", placeholder: "Name or UID", "aria-label": "Name or UID", oninput: onChange });
    this.urgent = element("input", { type: "checkbox", onchange: onChange });
    const choice = ([kind, says]) => {
      const radio = element("input", { type: "radio", name: "kind", checked: kind === this.kind });
      radio.addEventListener("change", () => {
        this.kind = kind;
        onChange();
      });
      return element("label", {}, radio, says, this.counts.get(kind));
    };
    this.bar = element(
      "div",
      { class: "filters" },
      element("fieldset", { class: "segments" }, element("legend", { class: "unseen" }, "State"), ...KINDS.map(choice)),
      element("label", { class: "switch" }, this.urgent, "Urgent only"),
      this.search,
    );
  }

  /** Those to show; the counts are of all. */
  of(studies) {
    for (const [kind, shown] of this.counts) {
      shown.textContent = studies.filter((study) => kind === "all" || stateKind(study) === kind).length;
    }
    const words = this.search.value.toLowerCase();
    return studies.filter(
      (study) =>
        (this.kind === "all" || stateKind(study) === this.kind) &&
        (!this.urgent.checked || study.priority === "urgent") &&
        `${study.name} ${study.id}`.toLowerCase().includes(words),
    );
  }
}
