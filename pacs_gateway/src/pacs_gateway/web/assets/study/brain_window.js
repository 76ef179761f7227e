/** The window that a FLAIR is first shown with. */

// Of each so many voxels one is looked at.
const EVERY = 11;
// Below this part of the scan's range lies air.
const AIR = 0.12;
const DARKER = 6;
const BRIGHTER = 4;

/**
 * [low, high] of the window about the brain's own intensities: their median and its median absolute deviation, which bright
 * fat of the scalp moves little; the range of a whole head would leave the brain dark.
 *
 * values: as stored; slope, intercept: to intensities; high: about the scan's highest intensity.
 */
export function brainWindow(values, { slope, intercept, high }) {
  const tissue = [];
  for (let n = 0; n < values.length; n += EVERY) {
    const value = values[n] * slope + intercept;
    if (value > AIR * high) tissue.push(value);
  }
  const center = median(tissue);
  const spread = 1.4826 * median(tissue.map((value) => Math.abs(value - center)));
  if (!(spread > 0)) return [0, high];
  return [Math.max(0, center - DARKER * spread), center + BRIGHTER * spread];
}

function median(values) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(sorted.length / 2)];
}
