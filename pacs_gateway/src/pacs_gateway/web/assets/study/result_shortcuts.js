/** The keys of a finished study. */

import { LAYOUTS } from "./layouts.js";

const THRESHOLD_STEP = 0.01;

export function resultShortcuts(view) {
  const { layer, viewer, toolbar } = view;
  const nudge = (by) => {
    if (!layer.curve || view.correction) return;
    const next = Math.round(100 * (layer.threshold + by)) / 100;
    layer.setThreshold(Math.min(0.99, Math.max(0.01, next)));
  };
  return [
    { keys: ["j"], says: "Next lesion", does: () => view.correction || layer.step(1) },
    { keys: ["k"], says: "Lesion before", does: () => view.correction || layer.step(-1) },
    { keys: ["ArrowUp"], says: "Next slice", does: () => viewer.scroll(1) },
    { keys: ["ArrowDown"], says: "Slice before", does: () => viewer.scroll(-1) },
    ...LAYOUTS.map(([name, says], n) => ({ keys: [String(n + 1)], says, does: () => toolbar.setLayout(name) })),
    { keys: ["m"], says: "Lesions on or off", does: () => toolbar.toggleMask() },
    { keys: ["o"], says: "Outline or fill", does: () => toolbar.setStyle(toolbar.style === "outline" ? "fill" : "outline") },
    { keys: ["["], says: "Lower threshold", does: () => nudge(-THRESHOLD_STEP) },
    { keys: ["]"], says: "Higher threshold", does: () => nudge(THRESHOLD_STEP) },
    { keys: ["r"], says: "Threshold of the report", does: () => view.correction || layer.setThreshold(layer.reportedThreshold) },
    { keys: ["+", "="], says: "Larger", does: () => viewer.zoom(1) },
    { keys: ["-"], says: "Smaller", does: () => viewer.zoom(-1) },
    { keys: ["0"], says: "Whole scan", does: () => viewer.zoom(0) },
    { keys: ["w"], says: "Window as at first", does: () => viewer.resetWindow() },
    { keys: ["c"], says: "Compare with an earlier scan", does: () => view.compare() },
    { keys: ["e"], says: "Correct the lesions", does: () => view.correct() },
    { keys: ["Ctrl+z"], says: "Undo a stroke", does: () => view.correction?.undo() },
    { keys: ["Escape"], says: "Leave comparison or correction", does: () => (view.correction ? view.correction.leave(null) : view.other && view.endComparison()) },
    { keys: ["Ctrl+p"], says: "Print one page", does: () => window.print() },
  ];
}
