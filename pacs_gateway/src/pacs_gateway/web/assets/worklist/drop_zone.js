/** Where scans are dropped or chosen; the whole window takes a drop. */

import { element, icon } from "../dom.js";
import { droppedFiles, scansOf } from "./gather_scans.js";

/** `onScans(scans, {priority})` with what was dropped or chosen. */
export function dropZone({ onScans, signal }) {
  const picker = element("input", { type: "file", multiple: true, hidden: true, "aria-label": "Scans", id: "scan-files" });
  const urgent = element("input", { type: "checkbox", id: "urgent" });
  const give = async (files) => onScans(await scansOf(files), { priority: urgent.checked ? "urgent" : "routine" });

  picker.addEventListener("change", async () => {
    await give([...picker.files].map((file) => ({ file, folder: "" })));
    picker.value = "";
  });
  const choose = () => picker.click();
  takeDrops(give, signal);

  const zone = element(
    "section",
    { class: "drop", "aria-label": "Send a scan" },
    element("button", { type: "button", class: "primary", onclick: choose }, icon("upload"), "Choose scans"),
    element("p", {}, element("strong", {}, "or drop them anywhere."), " A brain FLAIR: NIfTI, a zip of DICOM, or a DICOM folder."),
    element("label", { class: "switch" }, urgent, "Urgent"),
    picker,
  );
  return { zone, choose };
}

function takeDrops(give, signal) {
  // Enter and leave come for every element below: only the first and the last are the window's.
  let depth = 0;
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = () => document.body.classList.toggle("is-dropping", depth > 0);
  const listen = (kind, does) =>
    window.addEventListener(
      kind,
      (event) => {
        if (!isFiles(event)) return;
        event.preventDefault();
        does(event);
        mark();
      },
      { signal },
    );
  listen("dragenter", () => (depth += 1));
  listen("dragleave", () => (depth -= 1));
  listen("dragover", () => {});
  listen("drop", async (event) => {
    depth = 0;
    await give(await droppedFiles(event.dataTransfer));
  });
  signal.addEventListener("abort", () => document.body.classList.remove("is-dropping"));
}
