/**
 * Lesions out of a probability map, as hunet_client.lesions finds them: at or above a threshold, connected by a face, an
 * edge or a corner, specks dropped.
 */

import { DisjointSets } from "./disjoint_sets.js";

/**
 * The lesions of `marked` (MarkedVoxels) at `level` (1 to 255), the largest first, those of less than `minVoxels` left out:
 * {indices, numbers, lesions}. `numbers[n]` is the lesion, from 1, of the voxel at `indices[n]`, which ascend; a lesion is
 * {voxels, max, mean, center, place}, `center` its mean place and `place` its own voxel nearest to that, which a bent
 * lesion's centre is not.
 */
export function lesionsAt(marked, level, minVoxels) {
  const runs = marked.runsAt(level);
  const sets = connected(runs, marked);
  const { numberOf, sizes } = ranked(sets, runs.starts.length, minVoxels);
  const lesions = sizes.map((voxels) => ({ voxels, max: 0, mean: 0, center: [0, 0, 0], place: null }));
  measure(lesions, runs, numberOf, marked);
  visit(lesions, runs, numberOf, marked);
  return { ...voxelsOf(runs, numberOf, sizes, marked), lesions };
}

/** The runs' numbers as sets; a set's size is in voxels. */
function connected({ starts, ends }, { row, plane }) {
  const sets = new DisjointSets(starts.length);
  // The rows beside a run that lie before it, and for each the first run there that may touch.
  const steps = [row, plane - row, plane, plane + row];
  const first = steps.map(() => 0);
  for (let run = 0; run < starts.length; run += 1) {
    sets.add(run, ends[run] - starts[run]);
    let root = run;
    for (let n = 0; n < steps.length; n += 1) {
      while (ends[first[n]] < starts[run] - steps[n]) first[n] += 1;
      for (let near = first[n]; starts[near] <= ends[run] - steps[n]; near += 1) {
        const other = sets.root(near);
        if (other !== root) root = sets.join(root, other);
      }
    }
  }
  return sets;
}

/** The lesion, from 1, of each run (0: a speck), and the lesions' sizes; of equal ones the first voxel's comes first. */
function ranked(sets, count, minVoxels) {
  const roots = [];
  const numberOf = new Uint16Array(count);
  for (let run = 0; run < count; run += 1) {
    const root = sets.root(run);
    if (numberOf[root] || sets.size[root] < minVoxels) continue;
    numberOf[root] = 1;
    roots.push(root);
  }
  roots.sort((a, b) => sets.size[b] - sets.size[a]);
  roots.forEach((root, n) => (numberOf[root] = n + 1));
  for (let run = 0; run < count; run += 1) numberOf[run] = numberOf[sets.root(run)];
  return { numberOf, sizes: roots.map((root) => sets.size[root]) };
}

/** Fills in `max`, `mean` and `center`. */
function measure(lesions, { starts, ends }, numberOf, marked) {
  let one = 0;
  for (let run = 0; run < starts.length; run += 1) {
    if (numberOf[run] === 0) continue;
    const lesion = lesions[numberOf[run] - 1];
    const [x, y, z] = marked.position(starts[run]);
    const length = ends[run] - starts[run];
    lesion.center[0] += length * (x + (length - 1) / 2);
    lesion.center[1] += length * y;
    lesion.center[2] += length * z;
    while (marked.places[one] < starts[run]) one += 1;
    for (; marked.places[one] < ends[run]; one += 1) {
      lesion.max = Math.max(lesion.max, marked.values[one] / 255);
      lesion.mean += marked.values[one] / 255;
    }
  }
  for (const lesion of lesions) {
    lesion.mean /= lesion.voxels;
    lesion.center = lesion.center.map((sum) => sum / lesion.voxels);
  }
}

/** Fills in `place`. */
function visit(lesions, { starts, ends }, numberOf, marked) {
  const nearest = lesions.map(() => Infinity);
  for (let run = 0; run < starts.length; run += 1) {
    if (numberOf[run] === 0) continue;
    const number = numberOf[run] - 1;
    const { center } = lesions[number];
    const [from, y, z] = marked.position(starts[run]);
    const x = Math.min(Math.max(Math.ceil(center[0] - 0.5), from), from + ends[run] - starts[run] - 1);
    const distance = (x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2;
    if (distance >= nearest[number]) continue;
    nearest[number] = distance;
    lesions[number].place = [x, y, z];
  }
}

function voxelsOf({ starts, ends }, numberOf, sizes, marked) {
  const count = sizes.reduce((sum, size) => sum + size, 0);
  const indices = new Uint32Array(count);
  const numbers = new Uint16Array(count);
  let next = 0;
  for (let run = 0; run < starts.length; run += 1) {
    if (numberOf[run] === 0) continue;
    const first = marked.index(marked.position(starts[run]));
    for (let n = 0; n < ends[run] - starts[run]; n += 1, next += 1) {
      indices[next] = first + n;
      numbers[next] = numberOf[run];
    }
  }
  return { indices, numbers };
}
