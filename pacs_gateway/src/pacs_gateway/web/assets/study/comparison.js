/** An earlier scan of the same patient beside this one, at the same place. */

import { getBytes, getJson } from "../api.js";
import { showDialog } from "../dialog.js";
import { element } from "../dom.js";
import { since } from "../format.js";
import { hasResult } from "../study_state.js";
import { changeSince, NotComparable } from "./change.js";
import { LesionFinder } from "./lesion_finder.js";
import { Viewer } from "./viewer.js";

/** The earlier study to compare with: the one that this study names, if it is still there, or the one that the reader chooses; or null. */
export async function priorOf(study) {
  const named = study.prior && (await getJson(`studies/${study.prior}`).catch(orNull404));
  if (named && hasResult(named)) return named;
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
      ? element("p", {}, "Choose an earlier scan of the same patient. Nothing checks that it is the same patient's, or earlier: the times are those of receipt.")
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

const orNull404 = (problem) => {
  if (problem.status === 404) return null;
  throw problem;
};

/** An earlier scan, open in `pane` beside `viewer`: the crosshair of either moves both. */
export class Comparison {
  static async open(study, viewer, prior, pane, signal) {
    const comparison = new Comparison();
    const canvas = element("canvas", { "aria-label": `Earlier scan ${prior.name}` });
    const name = element("p", { class: "pane-name" }, `Earlier: ${prior.name}, received ${since(prior.received_at)}`);
    pane.replaceChildren(name, element("div", { class: "canvas-room" }, canvas));
    const other = await Viewer.open(canvas, { onMove: () => comparison.lead() });
    const open = new AbortController();
    open.signal.addEventListener("abort", () => other.close());
    signal.addEventListener("abort", () => open.abort());
    comparison.close = () => open.abort();
    try {
      await comparison.fill(study, viewer, prior, other, name, open.signal);
    } catch (problem) {
      comparison.close();
      throw problem;
    }
    return comparison;
  }

  async fill(study, viewer, prior, other, name, signal) {
    const [scan, mask, change] = await Promise.all([
      getBytes(prior.links["flair.nii.gz"], { signal }),
      getBytes(prior.links["mask.nii.gz"], { signal }),
      changeSince(study.id, prior.id),
    ]);
    await other.showScan(scan, signal);
    other.mark(await new LesionFinder(signal).group(await Viewer.valuesOf(mask), other.dims), 0);
    const isComparable = !(change instanceof NotComparable);
    name.append(
      isComparable
        ? `: ${change.summary()} since`
        : `: not laid over each other, so the crosshair may be at another place. ${change.reason}`,
    );
    Object.assign(this, { viewer, other, change: isComparable ? change : null });
    this.follow();
  }

  /** The later scan's crosshair has moved: to the same place in the earlier one, as registered where it is. */
  follow() {
    if (this.isLed) return;
    const here = this.viewer.crosshair_mm;
    this.other.follow(this.change ? this.change.toPrior(here) : here);
  }

  /** Following moves the crosshair too: the earlier scan leads only while it is under the reader's hand. */
  lead() {
    if (!this.other?.nv.canvas.matches(":hover, :focus")) return;
    const there = this.other.crosshair_mm;
    this.isLed = true;
    this.viewer.follow(this.change ? this.change.toCurrent(there) : there);
    this.viewer.tell();
    this.isLed = false;
  }
}
