/** Disjoint sets of numbers, each set with a size. */
export class DisjointSets {
  /** Of the numbers below `length`; none is in a set as yet. */
  constructor(length) {
    this.parent = new Int32Array(length).fill(-1);
    this.size = new Int32Array(length);
  }

  has(one) {
    return this.parent[one] >= 0;
  }

  /** A set of its own for `one`. */
  add(one, size) {
    this.parent[one] = one;
    this.size[one] = size;
  }

  root(one) {
    const { parent } = this;
    while (parent[one] !== one) {
      parent[one] = parent[parent[one]];
      one = parent[one];
    }
    return one;
  }

  /** Makes one set of those of two roots; its root. */
  join(first, second) {
    const [large, small] = this.size[first] >= this.size[second] ? [first, second] : [second, first];
    this.parent[small] = large;
    this.size[large] += this.size[small];
    return large;
  }
}
