/** Which lesions are marked: those of the model at a threshold, or those of a mask; and which of them is chosen. */

import { Viewer } from "./viewer.js";

const CERTAIN = 255;

export const levelOf = (threshold) => Math.max(1, Math.ceil(threshold * CERTAIN));

/** Whether the map, rounded to 255ths, still tells what lies above the threshold: with 0.5 it does. */
const isExact = (threshold) => Number.isInteger(threshold * CERTAIN + 0.5);

/** Fires "change" when other lesions are marked, and "choice" when another is chosen. */
export class LesionLayer extends EventTarget {
  /** `reported`: report.json, whose threshold and lesions are the model's own. */
  constructor(viewer, finder, reported) {
    super();
    Object.assign(this, { viewer, finder, reported, chosen: 0, correction: null, isFrozen: false, marking: null, asReported: null });
    this.threshold = reported.provenance.postprocessing.threshold;
  }

  /** Takes the study's probability map, or where there is none its mask, and marks the lesions of the report. */
  async open({ probability, mask }) {
    if (!probability) return this.showMask(await Viewer.valuesOf(mask), null);
    this.values = await Viewer.valuesOf(probability);
    const { min_lesion_ml } = this.reported.provenance.postprocessing;
    const minVoxels = Math.max(1, Math.ceil(min_lesion_ml / this.viewer.voxel_ml - 1e-6));
    this.curve = await this.finder.take(this.values, this.viewer.dims, minVoxels);
    if (!isExact(this.reportedThreshold)) {
      const kept = await Viewer.valuesOf(mask);
      this.asReported = this.values.map((value, index) => (kept[index] ? Math.max(1, value) : 0));
    }
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

  /** Marks the lesions at a threshold. */
  async setThreshold(threshold) {
    if (this.isFrozen) return;
    this.threshold = threshold;
    this.correction = null;
    const { dims } = this.viewer;
    const isReports = this.asReported && threshold === this.reportedThreshold;
    await this.markLast(() => (isReports ? this.finder.group(this.asReported, dims) : this.finder.find(levelOf(threshold))));
  }

  /** Marks a mask's voxels: those of correction `revision`, or of the study's own mask. */
  async showMask(mask, revision) {
    if (this.isFrozen) return;
    this.correction = revision;
    await this.markLast(() => this.finder.group(mask, this.viewer.dims));
  }

  /** Marks what `find()` finds; of several asked for in haste, the last is what stays. */
  markLast(find) {
    this.wanted = find;
    this.marking ??= this.markWanted().finally(() => (this.marking = null));
    return this.marking;
  }

  async markWanted() {
    while (this.wanted) {
      const find = this.wanted;
      this.wanted = null;
      this.found = await find();
      this.show();
    }
  }

  /** Lets what is being found arrive, and then nothing more until `thaw`: a reader draws on the marks. */
  async freeze() {
    this.isFrozen = true;
    await this.marking;
  }

  thaw() {
    this.isFrozen = false;
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
