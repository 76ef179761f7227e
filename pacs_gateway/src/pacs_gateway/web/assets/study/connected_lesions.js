/**
 * Lesions out of a probability map, as hunet_client.lesions finds them: at or above a threshold, connected by a face, an
 * edge or a corner, specks dropped.
 *
 * Works on the voxels with any probability alone: a few in a hundred of a scan.
 */

/** The places of the scan, and for each the neighbours by face, edge or corner. */
export class Grid {
  /** `dims`: voxels along x, y, z; x runs fastest. */
  constructor(dims) {
    this.dims = dims;
    const [width, height] = dims;
    const steps = [];
    for (const z of [-1, 0, 1]) {
      for (const y of [-1, 0, 1]) {
        for (const x of [-1, 0, 1]) if (x || y || z) steps.push({ x, y, z, offset: x + width * (y + height * z) });
      }
    }
    this.steps = steps;
    // The half of them that a walk in the order of places has passed already.
    this.passed = steps.filter(({ offset }) => offset < 0);
  }

  place(index) {
    const [width, height] = this.dims;
    return [index % width, Math.floor(index / width) % height, Math.floor(index / (width * height))];
  }

  /** Calls `visit(neighbour)` for each neighbour inside the grid. */
  around(index, steps, visit) {
    const [x, y, z] = this.place(index);
    const [width, height, depth] = this.dims;
    for (const step of steps) {
      const nx = x + step.x;
      const ny = y + step.y;
      const nz = z + step.z;
      if (nx >= 0 && nx < width && ny >= 0 && ny < height && nz >= 0 && nz < depth) visit(index + step.offset);
    }
  }
}

/** Disjoint sets of voxels, with the size of each. */
class Sets {
  constructor(length) {
    this.parent = new Int32Array(length).fill(-1);
    this.size = new Int32Array(length);
  }

  add(one) {
    this.parent[one] = one;
    this.size[one] = 1;
  }

  root(one) {
    while (this.parent[one] !== one) {
      this.parent[one] = this.parent[this.parent[one]];
      one = this.parent[one];
    }
    return one;
  }

  /** The root of both. */
  join(first, second) {
    const [large, small] = this.size[first] >= this.size[second] ? [first, second] : [second, first];
    this.parent[small] = large;
    this.size[large] += this.size[small];
    return large;
  }
}

export class ProbabilityMap {
  /** `values`: uint8, 255 for certain, x fastest; `dims`: voxels along x, y, z. */
  constructor(values, dims) {
    this.grid = new Grid(dims);
    this.values = values;
    this.indices = Uint32Array.from(indicesAbove(values));
    // From a place in the scan to its number among the voxels with any probability.
    this.slot = new Int32Array(values.length).fill(-1);
    this.indices.forEach((index, number) => (this.slot[index] = number));
  }

  /**
   * The lesions at `level` (1 to 255), the largest first: {indices, numbers, lesions}. `numbers[n]` is the lesion, from 1,
   * of the voxel at `indices[n]`; a lesion is {voxels, max, mean, center, place}, `center` its mean place and `place` its
   * own voxel nearest to that, which a bent lesion's centre is not.
   */
  lesionsAt(level, minVoxels) {
    const sets = this.joined(level);
    const numberOfRoot = rank(sets, this.indices.length, minVoxels);
    const lesions = Array.from({ length: numberOfRoot.size }, () => ({ voxels: 0, max: 0, sum: 0, center: [0, 0, 0] }));
    const indices = [];
    const numbers = [];
    for (let one = 0; one < this.indices.length; one += 1) {
      if (sets.parent[one] < 0) continue;
      const number = numberOfRoot.get(sets.root(one));
      if (number === undefined) continue;
      indices.push(this.indices[one]);
      numbers.push(number);
      count(lesions[number - 1], this.values[this.indices[one]], this.grid.place(this.indices[one]));
    }
    finish(lesions, indices, numbers, this.grid);
    return { indices: Uint32Array.from(indices), numbers: Uint16Array.from(numbers), lesions };
  }

  joined(level) {
    const sets = new Sets(this.indices.length);
    for (let one = 0; one < this.indices.length; one += 1) {
      if (this.values[this.indices[one]] < level) continue;
      sets.add(one);
      this.grid.around(this.indices[one], this.grid.passed, (neighbour) => {
        const other = this.slot[neighbour];
        if (other < 0 || sets.parent[other] < 0) return;
        const first = sets.root(one);
        const second = sets.root(other);
        if (first !== second) sets.join(first, second);
      });
    }
    return sets;
  }

  /** Lesions and their voxels at every level at once: {counts, voxels}, uint32 of 256, from one flood downwards. */
  curve(minVoxels) {
    const counts = new Uint32Array(256);
    const voxels = new Uint32Array(256);
    const sets = new Sets(this.indices.length);
    const byValue = [...this.indices.keys()].sort((a, b) => this.values[this.indices[b]] - this.values[this.indices[a]]);
    let lesions = 0;
    let inside = 0;
    const tell = (size, sign) => {
      if (size < minVoxels) return;
      lesions += sign;
      inside += sign * size;
    };
    let next = 0;
    for (let level = 255; level > 0; level -= 1) {
      for (; next < byValue.length && this.values[this.indices[byValue[next]]] >= level; next += 1) {
        const one = byValue[next];
        sets.add(one);
        tell(1, 1);
        this.grid.around(this.indices[one], this.grid.steps, (neighbour) => {
          const other = this.slot[neighbour];
          if (other < 0 || sets.parent[other] < 0) return;
          const first = sets.root(one);
          const second = sets.root(other);
          if (first === second) return;
          tell(sets.size[first], -1);
          tell(sets.size[second], -1);
          tell(sets.size[sets.join(first, second)], 1);
        });
      }
      counts[level] = lesions;
      voxels[level] = inside;
    }
    return { counts, voxels };
  }
}

function* indicesAbove(values) {
  for (let index = 0; index < values.length; index += 1) if (values[index] > 0) yield index;
}

/** Root to lesion number: 1 for the largest; equal ones in the order of their first voxel. */
function rank(sets, length, minVoxels) {
  const roots = new Set();
  for (let one = 0; one < length; one += 1) if (sets.parent[one] >= 0) roots.add(sets.root(one));
  const kept = [...roots].filter((root) => sets.size[root] >= minVoxels).sort((a, b) => sets.size[b] - sets.size[a]);
  return new Map(kept.map((root, position) => [root, position + 1]));
}

function count(lesion, value, place) {
  lesion.voxels += 1;
  lesion.max = Math.max(lesion.max, value / 255);
  lesion.sum += value / 255;
  for (const axis of [0, 1, 2]) lesion.center[axis] += place[axis];
}

function finish(lesions, indices, numbers, grid) {
  for (const lesion of lesions) {
    lesion.mean = lesion.sum / lesion.voxels;
    lesion.center = lesion.center.map((sum) => sum / lesion.voxels);
    lesion.nearest = Infinity;
  }
  indices.forEach((index, position) => {
    const lesion = lesions[numbers[position] - 1];
    const place = grid.place(index);
    const distance = place.reduce((sum, at, axis) => sum + (at - lesion.center[axis]) ** 2, 0);
    if (distance < lesion.nearest) Object.assign(lesion, { nearest: distance, place });
  });
}
