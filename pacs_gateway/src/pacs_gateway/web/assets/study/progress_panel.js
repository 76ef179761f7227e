/** How far a study is, while it is worked on. */

import { element } from "../dom.js";
import { moment } from "../format.js";
import { stepShare, STEPS, stateName } from "../study_state.js";

const WAYS = {
  dicom: ["received", "complete", "selected", "segmenting", "built", "done"],
  upload: ["received", "segmenting", "done"],
};

export class ProgressPanel {
  /** `cancel()`: gives the study up; null where that is not the reader's to do. */
  constructor(study, cancel) {
    this.lost = element(
      "p",
      { class: "lost", role: "status", hidden: true },
      "The connection is lost. The work goes on; this page takes it up again by itself.",
    );
    this.bar = element("progress", { max: 1, "aria-label": "Progress" });
    this.figures = element("p", { class: "dim" });
    this.steps = element("ol", { class: "steps" });
    this.node = element(
      "section",
      { class: "progress-panel", "aria-label": "Progress" },
      element("h2", {}, "Being segmented"),
      this.steps,
      this.bar,
      this.figures,
      this.lost,
      element("p", { class: "dim" }, `Received ${moment(study.received_at)}`),
      cancel && element("button", { type: "button", class: "cancel", onclick: cancel }, "Cancel and remove"),
    );
    this.show(study);
  }

  show(study) {
    const way = WAYS[study.source] ?? WAYS.dicom;
    const reached = STEPS.indexOf(study.state);
    this.steps.replaceChildren(
      ...way.map((state) => {
        const at = STEPS.indexOf(state);
        const isNow = way.filter((one) => STEPS.indexOf(one) <= reached).at(-1) === state;
        const kind = isNow ? "is-now" : at < reached ? "is-past" : "is-ahead";
        return element("li", { class: kind, "aria-current": isNow ? "step" : null }, stateName({ state }));
      }),
    );
    const part = stepShare(study);
    this.bar.hidden = part === null;
    if (part !== null) this.bar.value = part;
    this.figures.textContent = part === null ? "" : `${study.progress.done} of ${study.progress.total} slices`;
  }

  setConnected(isConnected) {
    this.lost.hidden = isConnected;
  }
}
