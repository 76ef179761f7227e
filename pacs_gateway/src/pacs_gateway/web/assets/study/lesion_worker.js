/** Finds lesions beside the page, so that the page stays quick. */

import { ProbabilityMap } from "./connected_lesions.js";

let map = null;

const ANSWERS = {
  /** Takes a probability map; answers with the curve over thresholds. */
  take({ values, dims, minVoxels }) {
    map = new ProbabilityMap(values, dims);
    return map.curve(minVoxels);
  },

  /** The lesions of the map at a level. */
  find({ level, minVoxels }) {
    return map.lesionsAt(level, minVoxels);
  },

  /** The lesions of a mask: every marked voxel counts, with the map's probability. */
  group({ mask, dims }) {
    return new ProbabilityMap(mask, dims).lesionsAt(1, 1);
  },
};

self.onmessage = ({ data: { number, ask, ...question } }) => {
  const answer = ANSWERS[ask](question);
  self.postMessage({ number, answer });
};
