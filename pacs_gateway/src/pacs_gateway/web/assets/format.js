/** Figures and times as they are shown. */

export const NONE = "–";

export function volume(ml) {
  if (ml === null || ml === undefined) return NONE;
  return ml >= 10 ? ml.toFixed(1) : ml >= 1 ? ml.toFixed(2) : ml.toFixed(3);
}

export function share(fraction) {
  return fraction === null || fraction === undefined ? NONE : fraction.toFixed(2);
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** "3 min ago" for the last day, then the date. */
export function since(text, now = new Date()) {
  const minutes = (now - new Date(text)) / 60_000;
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return new Date(text).toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

export function moment(text) {
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
