/** What readers accepted, beside what the model said. */

import { getBytes, getJson } from "../api.js";
import { element } from "../dom.js";
import { moment, volume } from "../format.js";
import { file } from "./files_panel.js";
import { Viewer } from "./viewer.js";

/** `refresh(revision)` reads the list again, and shows that revision where one is given. */
export function correctionsPanel(study, layer) {
  const list = element("ul", { class: "corrections" });
  const empty = element("p", { class: "dim", hidden: true }, "Nobody has corrected this study. Press E to begin.");
  const path = (revision, name) => `/api/v1/studies/${study.id}/corrections/${revision}/${name}`;

  async function show(revision) {
    const mask = await Viewer.valuesOf(await getBytes(path(revision, "mask.nii.gz")));
    await layer.showMask(mask, revision);
  }

  async function refresh(shown = null) {
    const corrections = await getJson(`studies/${study.id}/corrections`);
    empty.hidden = corrections.length > 0;
    list.replaceChildren(...corrections.toReversed().map(entry), ...(corrections.length ? [model()] : []));
    if (shown !== null) await show(shown);
    mark();
  }

  function entry({ revision, time, author, comment, volume_ml }) {
    return element(
      "li",
      { "data-revision": revision },
      element("button", { type: "button", onclick: () => show(revision) }, `Correction ${revision}`),
      element("span", {}, `${volume(volume_ml)} ml`),
      element("span", { class: "dim" }, `${author}, ${moment(time)}`),
      comment && element("span", { class: "dim comment" }, comment),
      element(
        "ul",
        { class: "inline-files" },
        file(path(revision, "mask.nii.gz"), `correction_${revision}_mask.nii.gz`, "Mask", "NIfTI"),
        "report.dcm" in study.links && volume_ml > 0 && file(path(revision, "segmentation.dcm"), `correction_${revision}_segmentation.dcm`, "Segmentation", "DICOM SEG"),
      ),
    );
  }

  const model = () =>
    element(
      "li",
      { "data-revision": "" },
      element("button", { type: "button", onclick: () => layer.setThreshold(layer.reportedThreshold) }, "Model"),
      element("span", {}, `${volume(layer.reported.total_volume_ml)} ml`),
    );

  function mark() {
    for (const one of list.children) {
      const isShown = one.dataset.revision === String(layer.correction ?? "");
      one.firstElementChild.setAttribute("aria-pressed", isShown);
    }
  }
  layer.addEventListener("change", mark);
  return { node: element("section", {}, empty, list), refresh };
}
