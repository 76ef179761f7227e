/** The voxels of a volume that are not 0: a few in a hundred of a scan. */

/**
 * They are known by their place in the volume with one voxel of nothing around it, so that each has 26 neighbours and no
 * row touches the next by its ends.
 */
export class MarkedVoxels {
  /** `volume`: uint8, x fastest; `dims`: voxels along x, y, z. */
  constructor(volume, [width, height, depth]) {
    this.dims = [width, height, depth];
    this.row = width + 2;
    this.plane = this.row * (height + 2);
    this.size = this.plane * (depth + 2);
    this.places = new Uint32Array(countAboveZero(volume));
    this.values = new Uint8Array(this.places.length);
    let next = 0;
    for (let index = 0; index < volume.length; index += 1) {
      if (volume[index] === 0) continue;
      const y = Math.floor(index / width) % height;
      const z = Math.floor(index / (width * height));
      this.places[next] = (index % width) + 1 + this.row * (y + 1) + this.plane * (z + 1);
      this.values[next] = volume[index];
      next += 1;
    }
  }

  /** (x, y, z) of a place, in voxels of the volume. */
  position(place) {
    const { row, plane } = this;
    return [(place % row) - 1, Math.floor((place % plane) / row) - 1, Math.floor(place / plane) - 1];
  }

  index([x, y, z]) {
    const [width, height] = this.dims;
    return x + width * (y + height * z);
  }

  /** From a place to its neighbours by face, edge or corner. */
  get steps() {
    const { row, plane } = this;
    const steps = [];
    for (const z of [-plane, 0, plane]) for (const y of [-row, 0, row]) for (const x of [-1, 0, 1]) steps.push(x + y + z);
    return steps.filter((step) => step !== 0);
  }

  /** Their numbers among all of them, the highest value first. */
  fromHighest() {
    const next = new Uint32Array(257);
    for (const value of this.values) next[256 - value] += 1;
    for (let n = 1; n < 257; n += 1) next[n] += next[n - 1];
    const order = new Uint32Array(this.values.length);
    this.values.forEach((value, one) => {
      order[next[255 - value]] = one;
      next[255 - value] += 1;
    });
    return order;
  }

  /** Those of at least `level`, as runs along x: {starts, ends}, places in ascending order; `ends` are the first after. */
  runsAt(level) {
    const { places, values } = this;
    const starts = new Uint32Array(places.length);
    const ends = new Uint32Array(places.length);
    let last = -1;
    for (let one = 0; one < places.length; one += 1) {
      if (values[one] < level) continue;
      const place = places[one];
      if (last < 0 || ends[last] !== place) {
        last += 1;
        starts[last] = place;
      }
      ends[last] = place + 1;
    }
    return { starts: starts.subarray(0, last + 1), ends: ends.subarray(0, last + 1) };
  }
}

function countAboveZero(volume) {
  let count = 0;
  for (let index = 0; index < volume.length; index += 1) if (volume[index] !== 0) count += 1;
  return count;
}
