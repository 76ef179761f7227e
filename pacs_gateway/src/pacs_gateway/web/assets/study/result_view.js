/** A finished study: the scan with its lesions, and the panel beside it. */

import { getBytes, getJson } from "../api.js";
import { announce, element } from "../dom.js";
import { count } from "../format.js";
import { useShortcuts } from "../shortcuts.js";
import { Comparison, priorOf } from "./comparison.js";
import { CorrectionMode } from "./correction_mode.js";
import { correctionsPanel } from "./corrections_panel.js";
import { filesPanel } from "./files_panel.js";
import { Findings } from "./findings.js";
import { LesionFinder } from "./lesion_finder.js";
import { LesionLayer } from "./lesion_layer.js";
import { lesionTable } from "./lesion_table.js";
import { printsOnePage } from "./print_sheet.js";
import { resultShortcuts } from "./result_shortcuts.js";
import { scanPanel } from "./scan_panel.js";
import { summary } from "./summary.js";
import { tabs } from "./tabs.js";
import { thresholdControl } from "./threshold_control.js";
import { Toolbar } from "./toolbar.js";

/** What the gateway has of a finished study; `findings` and `probability` may be missing. */
export async function resultOf({ links }) {
  const [report, findings, probability, mask] = await Promise.all([
    getJson(links["report.json"]),
    links["findings.json"] && getJson(links["findings.json"]),
    links["probability.nii.gz"] && getBytes(links["probability.nii.gz"]),
    getBytes(links["mask.nii.gz"]),
  ]);
  return { report, findings, probability, mask };
}

export class ResultView {
  /** `shell`: the view's rooms, with the scan in its viewer already. */
  constructor(study, shell, signal) {
    Object.assign(this, { study, shell, signal, viewer: shell.viewer, findings: null, comparison: null, isOpening: false, correction: null });
  }

  /** `result`: what resultOf gave. */
  async open({ report, findings, probability, mask }) {
    if (findings) this.findings = new Findings(findings);
    this.notice = report.research_use_only;
    this.layer = new LesionLayer(this.viewer, new LesionFinder(this.signal), report);
    this.toolbar = this.makeToolbar();
    await this.layer.open({ probability, mask });
    if (this.signal.aborted) return;
    this.shell.probabilityAt = (vox) => this.probabilityAt(vox);
    this.shell.tools.replaceChildren(this.toolbar.node);
    this.toolbar.setLayout(this.viewer.layout);
    this.toolbar.apply();
    this.fillPanel();
    this.viewer.goTo(this.layer.lesions[0]?.place ?? this.viewer.middle);
    printsOnePage(this, this.notice, this.signal);
    useShortcuts(resultShortcuts(this), this.signal);
    announce(`${count(report.lesion_count, "lesion")} found.`);
  }

  makeToolbar() {
    return new Toolbar(
      () => [this.viewer, this.comparison?.other].filter(Boolean),
      [
        { name: "compare", label: "Compare with an earlier scan (C)", icon: "compare", does: () => this.compare() },
        { name: "correct", label: "Correct the lesions (E)", icon: "correct", does: () => this.correct() },
        { name: "print", label: "Print one page", icon: "print", does: () => window.print() },
      ],
    );
  }

  fillPanel() {
    this.corrections = correctionsPanel(this.study, this.layer);
    this.table = lesionTable(this.layer, {
      placeOf: (lesion) => this.findings?.placeOf(lesion),
      changeOf: (lesion) => this.comparison?.change?.says(lesion),
    });
    this.sections = tabs([
      { name: "Lesions", content: this.table.node },
      ...(this.findings ? [{ name: "Findings", content: this.findings.panel(this.layer) }] : []),
      { name: "Scan", content: scanPanel(this.layer.reported) },
      { name: "Corrections", content: this.corrections.node },
      { name: "Files", content: filesPanel(this.study) },
    ]);
    this.shell.panel.replaceChildren(summary(this.layer), thresholdControl(this.layer), this.sections.node);
    this.corrections.refresh();
  }

  async correct() {
    if (this.correction) return;
    this.correction = new CorrectionMode(this.study, this.layer, this.shell.tools);
    this.shell.panel.inert = true;
    if (this.toolbar.style === "off") this.toolbar.toggleMask();
    await this.layer.freeze();
    const accepted = await this.correction.start();
    this.layer.thaw();
    this.correction = null;
    this.shell.panel.inert = false;
    this.shell.tools.replaceChildren(this.toolbar.node);
    this.toolbar.focus("correct");
    if (!accepted) return;
    await this.corrections.refresh(accepted.revision);
    this.sections.select("Corrections");
  }

  async compare() {
    if (this.correction || this.isOpening) return;
    if (this.comparison) return this.endComparison();
    this.isOpening = true;
    try {
      const prior = await priorOf(this.study);
      if (!prior) return;
      this.shell.secondPane.hidden = false;
      const { study, viewer, shell, signal } = this;
      this.comparison = await Comparison.open(study, viewer, prior, shell.secondPane, signal);
      this.comparing(true);
    } catch (problem) {
      // The view was left meanwhile.
      if (!this.signal.aborted) throw problem;
    } finally {
      this.isOpening = false;
      if (!this.comparison) this.hideSecondPane();
    }
  }

  endComparison() {
    this.comparison.close();
    this.comparison = null;
    this.hideSecondPane();
    this.comparing(false);
  }

  hideSecondPane() {
    this.shell.secondPane.hidden = true;
    this.shell.secondPane.replaceChildren();
  }

  /** The room of each viewer has changed, and so has what the table can tell. */
  comparing(isSo) {
    this.toolbar.setPressed("compare", isSo);
    this.toolbar.setLayout(this.toolbar.layout);
    this.toolbar.apply();
    this.table.fill();
  }

  /** The crosshair of this viewer has moved. */
  moved() {
    this.comparison?.follow();
  }

  probabilityAt([x, y, z]) {
    const { values, viewer } = this.layer;
    const [width, height] = viewer.dims;
    return values ? values[x + width * (y + height * z)] / 255 : null;
  }
}
