/** The keys of a finished study. */

import { LAYOUTS } from "./layouts.js";

const THRESHOLD_STEP = 0.01;

/** [{title, list}] for shortcuts.js. */
export function resultShortcuts(view) {
  return [
    { title: "Lesions", list: forLesions(view) },
    { title: "Viewer", list: forViewer(view) },
    { title: "Study", list: forStudy(view) },
  ];
}

function forLesions(view) {
  const { layer, toolbar } = view;
  const unlessCorrecting = (does) => () => view.correction || does();
  const nudge = (by) =>
    unlessCorrecting(() => {
      const next = Math.round(100 * (layer.threshold + by)) / 100;
      if (layer.curve) layer.setThreshold(Math.min(0.99, Math.max(0.01, next)));
    });
  return [
    { keys: ["j"], says: "Next lesion", does: unlessCorrecting(() => layer.step(1)) },
    { keys: ["k"], says: "Lesion before", does: unlessCorrecting(() => layer.step(-1)) },
    { keys: ["m"], says: "Marks on or off", does: () => toolbar.toggleMask() },
    { keys: ["o"], says: "Outline or fill", does: () => toolbar.setStyle(toolbar.style === "outline" ? "fill" : "outline") },
    { keys: ["["], says: "Lower threshold", does: nudge(-THRESHOLD_STEP) },
    { keys: ["]"], says: "Higher threshold", does: nudge(THRESHOLD_STEP) },
    { keys: ["r"], says: "Threshold of the report", does: unlessCorrecting(() => layer.setThreshold(layer.reportedThreshold)) },
  ];
}

function forViewer({ viewer, toolbar }) {
  return [
    { keys: ["ArrowUp"], says: "Next slice", does: () => viewer.scroll(1) },
    { keys: ["ArrowDown"], says: "Slice before", does: () => viewer.scroll(-1) },
    ...LAYOUTS.map(([name, says], n) => ({ keys: [String(n + 1)], says, does: () => toolbar.setLayout(name) })),
    { keys: ["+", "="], says: "Larger", does: () => viewer.zoom(1) },
    { keys: ["-"], says: "Smaller", does: () => viewer.zoom(-1) },
    { keys: ["0"], says: "Whole scan", does: () => viewer.zoom(0) },
    { keys: ["w"], says: "Window as at first", does: () => viewer.resetWindow() },
  ];
}

function forStudy(view) {
  const leave = () => {
    if (view.correction) view.correction.discard();
    else if (view.comparison) view.endComparison();
  };
  return [
    { keys: ["c"], says: "Compare with an earlier scan", does: () => view.compare() },
    { keys: ["e"], says: "Correct the lesions", does: () => view.correct() },
    { keys: ["Ctrl+z"], says: "Undo a stroke", does: () => view.correction?.undo() },
    { keys: ["Escape"], says: "Leave comparison or correction", does: leave },
    { keys: ["Ctrl+p"], says: "Print one page", does: () => window.print() },
  ];
}
