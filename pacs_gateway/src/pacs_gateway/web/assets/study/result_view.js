/** A finished study: the scan with its lesions, and the panel beside it. */

import { getBytes, getJson } from "../api.js";
import { announce, element } from "../dom.js";
import { useShortcuts } from "../shortcuts.js";
import { openComparison, priorOf } from "./comparison.js";
import { CorrectionMode } from "./correction_mode.js";
import { correctionsPanel } from "./corrections_panel.js";
import { filesPanel } from "./files_panel.js";
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

export class ResultView {
  /** `shell`: the view's rooms, with the scan in its viewer already. */
  constructor(study, shell, signal) {
    Object.assign(this, { study, shell, signal, viewer: shell.viewer, other: null, correction: null });
  }

  async open() {
    const { links } = this.study;
    const [report, probability, mask] = await Promise.all([
      getJson(links["report.json"]),
      links["probability.nii.gz"] && getBytes(links["probability.nii.gz"]),
      getBytes(links["mask.nii.gz"]),
    ]);
    this.notice = report.research_use_only;
    this.layer = new LesionLayer(this.viewer, new LesionFinder(this.signal), report);
    this.toolbar = this.makeToolbar();
    await this.layer.open({ probability, mask });
    this.shell.probabilityAt = (vox) => this.probabilityAt(vox);
    this.shell.tools.replaceChildren(this.toolbar.node);
    this.toolbar.setLayout(this.viewer.layout);
    this.toolbar.apply();
    this.fillPanel();
    this.viewer.goTo(this.layer.lesions[0]?.place ?? this.viewer.middle);
    printsOnePage(this, this.notice, this.signal);
    useShortcuts(resultShortcuts(this), this.signal);
    announce(`${report.lesion_count} lesions found.`);
  }

  makeToolbar() {
    return new Toolbar(
      () => [this.viewer, this.other].filter(Boolean),
      [
        { name: "compare", label: "Compare with an earlier scan (C)", icon: "compare", does: () => this.compare() },
        { name: "correct", label: "Correct the lesions (E)", icon: "correct", does: () => this.correct() },
        { name: "print", label: "Print one page", icon: "print", does: () => window.print() },
      ],
    );
  }

  fillPanel() {
    this.corrections = correctionsPanel(this.study, this.layer);
    this.sections = tabs([
      { name: "Lesions", content: lesionTable(this.layer, () => null) },
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
    const accepted = await this.correction.start();
    this.correction = null;
    this.shell.panel.inert = false;
    this.shell.tools.replaceChildren(this.toolbar.node);
    if (!accepted) return;
    await this.corrections.refresh(accepted.revision);
    this.sections.select("Corrections");
  }

  async compare() {
    if (this.correction) return;
    if (this.other) return this.endComparison();
    const prior = await priorOf(this.study);
    if (!prior) return;
    this.shell.secondPane.hidden = false;
    this.other = await openComparison(this.viewer, prior, this.shell.secondPane, this.signal);
    this.toolbar.setPressed("compare", true);
    this.toolbar.setLayout(this.toolbar.layout);
    this.toolbar.apply();
  }

  endComparison() {
    this.other.close();
    this.other = null;
    this.shell.secondPane.hidden = true;
    this.shell.secondPane.replaceChildren();
    this.toolbar.setPressed("compare", false);
  }

  /** The crosshair of this viewer has moved. */
  moved() {
    this.other?.follow(this.viewer.crosshair_mm);
  }

  probabilityAt([x, y, z]) {
    const { values, viewer } = this.layer;
    const [width, height] = viewer.dims;
    return values ? values[x + width * (y + height * z)] / 255 : null;
  }
}
