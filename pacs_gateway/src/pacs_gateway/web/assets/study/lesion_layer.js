/** Which lesions are marked: those of the model at a threshold, or those of a mask; and which of them is chosen. */

import { Viewer } from "./viewer.js";

const CERTAIN = 255;

export const levelOf = (threshold) => Math.max(1, Math.ceil(threshold * CERTAIN));

/** Fires "change" when other lesions are marked, and "choice" when another is chosen. */
export class LesionLayer extends EventTarget {
  /** `reported`: report.json, whose threshold and lesions are the model's own. */
  constructor(viewer, finder, reported) {
    super();
    Object.assign(this, { viewer, finder, reported, chosen: 0, correction: null });
    this.threshold = reported.provenance.postprocessing.threshold;
  }

  /** Takes the study's probability map, or where there is none its mask, and marks the lesions of the report. */
  async open({ probability, mask }) {
    if (!probability) return this.showMask(await Viewer.valuesOf(mask), null);
    this.values = await Viewer.valuesOf(probability);
    const { min_lesion_ml } = this.reported.provenance.postprocessing;
    const minVoxels = Math.max(1, Math.ceil(min_lesion_ml / this.viewer.voxel_ml - 1e-6));
    this.curve = await this.finder.take(this.values, this.viewer.dims, minVoxels);
    await this.setThreshold(this.threshold);
  }

  get reportedThreshold() {
    return this.reported.provenance.postprocessing.threshold;
  }

  get isAsReported() {
    return this.correction === null && this.threshold === this.reportedThreshold;
  }

  get total_ml() {
    return this.found.indices.length * this.viewer.voxel_ml;
  }

  /** Marks the lesions at a threshold; of several asked for in haste, the last. */
  async setThreshold(threshold) {
    this.threshold = threshold;
    this.correction = null;
    if (this.isFinding) return;
    this.isFinding = true;
    let done = null;
    while (done !== this.threshold) {
      done = this.threshold;
      this.found = await this.finder.find(levelOf(done));
      if (this.correction === null) this.show();
    }
    this.isFinding = false;
  }

  /** Marks a mask's voxels: those of correction `revision`, or of the study's own mask. */
  async showMask(mask, revision) {
    this.correction = revision;
    this.found = await this.finder.group(mask, this.viewer.dims);
    this.show();
  }

  show() {
    this.chosen = 0;
    this.lesions = this.found.lesions.map((lesion, n) => this.described(lesion, n + 1));
    this.viewer.mark(this.found, this.chosen);
    this.dispatchEvent(new Event("change"));
  }

  /** Marks lesion `number` (0: none) and goes there. */
  choose(number) {
    this.chosen = number;
    this.viewer.mark(this.found, number);
    if (number) this.viewer.goTo(this.lesions[number - 1].place);
    this.dispatchEvent(new Event("choice"));
  }

  /** To the next lesion of the table, or with -1 the one before. */
  step(by) {
    const count = this.lesions.length;
    if (count) this.choose(((this.chosen - 1 + by + count + (this.chosen === 0 && by < 0 ? 1 : 0)) % count) + 1);
  }

  /** With its volume, and with what the report says of it, where it is one of the report's lesions. */
  described(lesion, number) {
    const center_mm = this.viewer.millimetres(lesion.center);
    const reported = this.reported.lesions.find(
      ({ voxels, centroid_mm }) =>
        voxels === lesion.voxels && Math.hypot(...centroid_mm.map((at, axis) => at - center_mm[axis])) < 0.5,
    );
    return { ...lesion, number, center_mm, volume_ml: lesion.voxels * this.viewer.voxel_ml, reported };
  }
}
