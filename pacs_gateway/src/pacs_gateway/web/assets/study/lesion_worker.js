/** Finds lesions beside the page, so that the page stays quick. */

import { lesionsAt } from "./connected_lesions.js";
import { MarkedVoxels } from "./marked_voxels.js";
import { thresholdCurve } from "./threshold_curve.js";

let marked = null;

const ANSWERS = {
  /** Takes a probability map; answers with the curve over thresholds. */
  take({ values, dims, minVoxels }) {
    marked = new MarkedVoxels(values, dims);
    return thresholdCurve(marked, minVoxels);
  },

  /** The lesions of the map at a level. */
  find({ level, minVoxels }) {
    return lesionsAt(marked, level, minVoxels);
  },

  /** The lesions of a mask, specks and all. */
  group({ mask, dims }) {
    return lesionsAt(new MarkedVoxels(mask, dims), 1, 1);
  },
};

self.onmessage = ({ data: { number, ask, ...question } }) => {
  const answer = ANSWERS[ask](question);
  self.postMessage({ number, answer });
};
