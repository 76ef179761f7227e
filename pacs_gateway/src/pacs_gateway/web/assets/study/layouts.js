/** How the viewer is divided. */

import { SLICE_TYPE } from "../vendor/niivue.js";

/** [name, what a button says, its picture] */
export const LAYOUTS = [
  ["planes", "Three planes and render", "planes"],
  ["slices", "Three planes", "slices"],
  ["axial", "Axial", "axial"],
  ["coronal", "Coronal", "coronal"],
  ["sagittal", "Sagittal", "sagittal"],
  ["render", "Render", "render"],
];

const { AXIAL, CORONAL, SAGITTAL, RENDER } = SLICE_TYPE;

/** The tiles of "planes" and of "slices", as NiiVue takes them: left, top, width, height in parts of the viewer. */
export function tiles(name, isWide) {
  const types = name === "planes" ? [AXIAL, CORONAL, SAGITTAL, RENDER] : [AXIAL, CORONAL, SAGITTAL];
  const positions = isWide ? besideAxial(types.length) : BELOW_AXIAL[name];
  return types.map((sliceType, n) => ({ sliceType, position: positions[n] }));
}

/** The axial slice large, the others in a column beside it. */
function besideAxial(count) {
  const height = 1 / (count - 1);
  const others = Array.from({ length: count - 1 }, (_, n) => [0.66, n * height, 0.34, height]);
  return [[0, 0, 0.66, 1], ...others];
}

const BELOW_AXIAL = {
  planes: [[0, 0, 0.5, 0.5], [0.5, 0, 0.5, 0.5], [0, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]],
  slices: [[0, 0, 1, 0.62], [0, 0.62, 0.5, 0.38], [0.5, 0.62, 0.5, 0.38]],
};
