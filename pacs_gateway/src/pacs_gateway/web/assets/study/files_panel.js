/** What a study left behind, to be saved. */

import { download } from "../api.js";
import { element } from "../dom.js";

const FILES = [
  ["mask.nii.gz", "Lesion mask", "NIfTI"],
  ["probability.nii.gz", "Probability map", "NIfTI"],
  ["flair.nii.gz", "Scan", "NIfTI"],
  ["report.json", "Report", "JSON"],
  ["findings.json", "Findings", "JSON"],
  ["overlay.png", "Picture", "PNG"],
  ["segmentation.dcm", "Segmentation", "DICOM SEG"],
  ["report.dcm", "Structured report", "DICOM SR"],
  ["report.pdf", "Report", "PDF"],
];

export function filesPanel(study) {
  const there = FILES.filter(([name]) => name in study.links);
  return element(
    "section",
    { class: "files" },
    element("ul", {}, ...there.map(([name, says, format]) => file(study.links[name], `${stem(study.name)}_${name}`, says, format))),
    !("segmentation.dcm" in study.links) &&
      element("p", { class: "dim" }, whyNoSegmentation(study.links)),
  );
}

/** A button that saves what is at `url`. */
export function file(url, name, says, format) {
  const problem = element("span", { class: "problem-line", role: "alert" });
  const save = async () => {
    problem.textContent = "";
    await download(url, name).catch((failed) => (problem.textContent = failed.message));
  };
  return element(
    "li",
    {},
    element("button", { type: "button", class: "quiet", "data-file": name, onclick: save }, says),
    element("span", { class: "dim" }, format),
    problem,
  );
}

function whyNoSegmentation(links) {
  // Every result of DICOM images has a structured report.
  return "report.dcm" in links
    ? "No segmentation object: no lesion was found, or no destination takes one."
    : "DICOM objects come with scans that were sent as DICOM.";
}

function stem(name) {
  return name.replace(/\.(nii|nii\.gz|zip)$/i, "").replace(/[^\w.-]+/g, "_");
}
