/** How many lesions there are at each threshold, and how many voxels. */

import { DisjointSets } from "./disjoint_sets.js";

/**
 * {counts, voxels}: uint32 of 256, by level (at least 1), from one flood downwards. `marked`: MarkedVoxels; lesions of less
 * than `minVoxels` do not count.
 */
export function thresholdCurve(marked, minVoxels) {
  const { places, values, steps } = marked;
  const counts = new Uint32Array(256);
  const voxels = new Uint32Array(256);
  const numberAt = new Int32Array(marked.size).fill(-1); // of the voxels that the flood has reached
  const sets = new DisjointSets(places.length);
  const order = marked.fromHighest();
  let lesions = 0;
  let inside = 0;
  const tell = (size, sign) => {
    if (size < minVoxels) return;
    lesions += sign;
    inside += sign * size;
  };
  let next = 0;
  for (let level = 255; level > 0; level -= 1) {
    for (; next < order.length && values[order[next]] >= level; next += 1) {
      const one = order[next];
      const place = places[one];
      numberAt[place] = one;
      sets.add(one, 1);
      tell(1, 1);
      let root = one;
      for (let n = 0; n < steps.length; n += 1) {
        const neighbour = numberAt[place + steps[n]];
        if (neighbour < 0) continue;
        const other = sets.root(neighbour);
        if (other === root) continue;
        tell(sets.size[root], -1);
        tell(sets.size[other], -1);
        root = sets.join(root, other);
        tell(sets.size[root], 1);
      }
    }
    counts[level] = lesions;
    voxels[level] = inside;
  }
  return { counts, voxels };
}
