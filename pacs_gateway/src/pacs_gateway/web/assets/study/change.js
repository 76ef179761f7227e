/** What became of lesions since an earlier scan. */

import { getJson } from "../api.js";

const SAYS = { new: "New", grown: "Grown", shrunk: "Shrunk", gone: "Gone", unchanged: "Unchanged", not_comparable: "Not comparable" };

/** How study `id` differs from `prior`: a Change, or NotComparable where the gateway cannot tell. */
export async function changeSince(id, prior) {
  try {
    return new Change(await getJson(`studies/${id}/change?prior=${prior}`));
  } catch (problem) {
    if (problem.status === 404) return new NotComparable(problem.message);
    throw problem;
  }
}

/** The scans could not be laid over each other; `reason` says why. */
export class NotComparable {
  constructor(reason) {
    this.reason = reason;
  }
}

class Change {
  constructor({ lesions, current_to_prior_mm }) {
    this.matrix = current_to_prior_mm;
    this.of = new Map(lesions.filter(({ index }) => index !== null).map(({ index, change }) => [index, change]));
    this.lesions = lesions;
  }

  /** "New", "Grown", "Shrunk" or "Unchanged" for a lesion of the report, else "". */
  says({ reported }) {
    return SAYS[this.of.get(reported?.index)] ?? "";
  }

  /** "2 new, 1 gone". */
  summary() {
    const kinds = ["new", "grown", "shrunk", "gone"];
    const parts = kinds.map((kind) => [kind, this.lesions.filter(({ change }) => change === kind).length]);
    return parts.filter(([, number]) => number).map(([kind, number]) => `${number} ${kind}`).join(", ") || "no change";
  }

  toPrior(mm) {
    return transformed(this.matrix, mm);
  }

  /** Rigid: its turning part is its own inverse when transposed. */
  toCurrent([x, y, z]) {
    const m = this.matrix;
    const moved = [x - m[0][3], y - m[1][3], z - m[2][3]];
    return [0, 1, 2].map((axis) => m[0][axis] * moved[0] + m[1][axis] * moved[1] + m[2][axis] * moved[2]);
  }
}

function transformed(matrix, [x, y, z]) {
  return matrix.slice(0, 3).map((row) => row[0] * x + row[1] * y + row[2] * z + row[3]);
}
