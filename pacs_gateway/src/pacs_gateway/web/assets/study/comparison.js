/** An earlier scan of the same patient beside this one, at the same place. */

import { getBytes, getJson } from "../api.js";
import { showDialog } from "../dialog.js";
import { element } from "../dom.js";
import { since } from "../format.js";
import { hasResult } from "../study_state.js";
import { LesionFinder } from "./lesion_finder.js";
import { Viewer } from "./viewer.js";

/** The earlier study to compare with: the one that this study names, or the one that the reader chooses; or null. */
export async function priorOf(study) {
  if (study.prior) return getJson(`studies/${study.prior}`);
  const { studies } = await getJson("studies?state=done&limit=200");
  const others = studies.filter((one) => one.id !== study.id && hasResult(one));
  const choice = element(
    "select",
    { id: "prior" },
    ...others.map((one) => element("option", { value: one.id }, `${one.name} (${since(one.received_at)})`)),
  );
  const answer = await showDialog(
    "Compare with which scan?",
    others.length
      ? element("p", {}, "Choose an earlier scan of the same patient. Nothing checks that it is the same patient.")
      : element("p", {}, "There is no other scan with a result here."),
    element(
      "form",
      { method: "dialog", class: "form" },
      others.length > 0 && [element("label", { for: "prior" }, "Earlier scan"), choice],
      element(
        "div",
        { class: "actions" },
        element("button", { class: "quiet", value: "" }, "Cancel"),
        others.length > 0 && element("button", { class: "primary", value: "compare" }, "Compare"),
      ),
    ),
  );
  return answer === "compare" ? others.find((one) => one.id === choice.value) : null;
}

/** Opens `prior` in `pane` beside `viewer`: the crosshair of either moves both. */
export async function openComparison(viewer, prior, pane, signal) {
  const canvas = element("canvas", { "aria-label": `Earlier scan ${prior.name}` });
  pane.replaceChildren(
    element("p", { class: "pane-name" }, `Earlier: ${prior.name}, ${since(prior.received_at)}`),
    element("div", { class: "canvas-room" }, canvas),
  );
  const other = await Viewer.open(canvas, { onMove: () => isUnderPointer(canvas) && viewer.follow(other.crosshair_mm) });
  const [scan, mask] = await Promise.all(["flair.nii.gz", "mask.nii.gz"].map((name) => getBytes(prior.links[name])));
  await other.showScan(scan);
  const finder = new LesionFinder(signal);
  other.mark(await finder.group(await Viewer.valuesOf(mask), other.dims), 0);
  other.follow(viewer.crosshair_mm);
  return other;
}

/** Following moves the crosshair too: only the viewer under the reader's hand leads. */
function isUnderPointer(canvas) {
  return canvas.matches(":hover, :focus");
}
