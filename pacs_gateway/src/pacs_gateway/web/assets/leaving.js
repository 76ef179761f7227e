/** Whoever would lose something asks the reader before the view is left. */

let ask = null;

/** `mayLeave()` resolves to whether the view may be left; null when there is nothing to lose any more. */
export function askBeforeLeaving(mayLeave) {
  ask = mayLeave;
}

export async function mayLeave() {
  return ask === null || ask();
}
