/** The threshold: a slider under the curve of volume over thresholds. */

import { element, icon, svg } from "../dom.js";
import { count, volume } from "../format.js";
import { levelOf } from "./lesion_layer.js";

const WIDTH = 100;
const HEIGHT = 30;

export function thresholdControl(layer) {
  if (!layer.curve) {
    return element("p", { class: "dim threshold" }, "Without a probability map: the mask is as the report has it.");
  }
  const slider = element("input", { type: "range", id: "threshold", min: 1, max: 99, step: 1, "aria-describedby": "threshold-found" });
  const value = element("output", { for: "threshold" });
  const found = element("p", { id: "threshold-found", class: "threshold-found" });
  const reset = element("button", { type: "button", class: "icon", "aria-label": "Threshold of the report" }, icon("reset"));
  const marker = svg("line", { class: "now", y1: 0, y2: HEIGHT });

  // Figures come from the curve and are there at once; the marks follow as soon as the lesions are found.
  function showFigures(threshold) {
    const level = levelOf(threshold);
    value.textContent = threshold.toFixed(2);
    slider.setAttribute("aria-valuetext", threshold.toFixed(2));
    found.textContent = `${count(layer.curve.counts[level], "lesion")}, ${volume(layer.curve.voxels[level] * layer.viewer.voxel_ml)} ml`;
    marker.setAttribute("x1", WIDTH * threshold);
    marker.setAttribute("x2", WIDTH * threshold);
  }
  slider.addEventListener("input", () => {
    showFigures(slider.value / 100);
    layer.setThreshold(slider.value / 100);
  });
  reset.addEventListener("click", () => layer.setThreshold(layer.reportedThreshold));
  layer.addEventListener("change", () => show());

  function show() {
    slider.value = Math.round(100 * layer.threshold);
    showFigures(layer.threshold);
    reset.disabled = layer.isAsReported;
  }
  show();
  return element(
    "section",
    { class: "threshold" },
    element("div", { class: "threshold-head" }, element("label", { for: "threshold" }, "Threshold"), value, found, reset),
    curve(layer, marker),
    slider,
  );
}

/** Volume at each threshold, on a square-root scale: the low thresholds would flatten the rest. */
function curve({ curve: { voxels }, reportedThreshold }, marker) {
  const largest = Math.sqrt(Math.max(...voxels.slice(3), 1));
  const points = Array.from({ length: 99 }, (_, n) => {
    const part = Math.min(1, Math.sqrt(voxels[levelOf((n + 1) / 100)]) / largest);
    return `${n + 1},${(HEIGHT - 1 - (HEIGHT - 3) * part).toFixed(1)}`;
  });
  return svg(
    "svg",
    { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polygon", { class: "area", points: `1,${HEIGHT} ${points.join(" ")} 99,${HEIGHT}` }),
    svg("polyline", { class: "edge", points: points.join(" ") }),
    svg("line", { class: "report", x1: WIDTH * reportedThreshold, x2: WIDTH * reportedThreshold, y1: 0, y2: HEIGHT }),
    marker,
  );
}
