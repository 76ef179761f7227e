/** One page of paper: made when printing begins, gone when it ends. */

import { element } from "../dom.js";
import { count, moment, share, volume } from "../format.js";
import { OF_THE_REPORT } from "./findings.js";

// More would not leave the page at one.
const MOST_LESIONS = 30;

export function printsOnePage(view, notice, signal) {
  let sheet = null;
  const end = () => sheet?.remove();
  window.addEventListener(
    "beforeprint",
    () => {
      end();
      sheet = makeSheet(view, notice);
      document.body.append(sheet);
    },
    { signal },
  );
  window.addEventListener("afterprint", end, { signal });
  signal.addEventListener("abort", end);
}

function makeSheet({ study, layer, viewer, findings, correction }, notice) {
  const { reported } = layer;
  const { model } = reported.provenance;
  return element(
    "section",
    { class: "sheet" },
    element("header", {}, element("h1", {}, study.name), element("p", {}, `Received ${moment(study.received_at)}`)),
    element("p", { class: "notice" }, notice),
    element(
      "p",
      { class: "headline" },
      element("strong", {}, count(layer.lesions.length, "lesion")),
      element("strong", {}, `${volume(layer.total_ml)} ml`),
      `Scan quality ${share(reported.quality.score)}`,
      correction ? element("span", {}, "A correction is under way and not kept; the figures are without it") : origin(layer),
    ),
    viewer.snapshot(),
    lesions(layer, findings),
    findings && !layer.isAsReported && element("p", { class: "notice" }, OF_THE_REPORT),
    findings?.printed(),
    element(
      "footer",
      {},
      `Model ${model.name} ${model.version}, weights ${model.weights_sha256.slice(0, 12)}. Input SHA-256 ${reported.input.sha256.slice(0, 12)}. `,
      `Printed ${moment(new Date())}. ${notice}`,
    ),
  );
}

function origin(layer) {
  if (layer.correction !== null) return element("span", {}, `As corrected, revision ${layer.correction}; the model: ${volume(layer.reported.total_volume_ml)} ml`);
  const says = `Probability at or above ${share(layer.threshold)}`;
  return element("span", {}, layer.isAsReported ? says : `${says}, chosen by the reader; the report has ${share(layer.reportedThreshold)}`);
}

function lesions({ lesions: all, isAsReported }, findings) {
  const shown = all.slice(0, MOST_LESIONS);
  const rest = all.length - shown.length;
  const items = shown.map((lesion) =>
    element(
      "li",
      {},
      element("span", {}, String(lesion.number)),
      element("span", {}, `${volume(lesion.volume_ml)} ml`),
      element("span", {}, findings?.placeOf(lesion)?.says ?? ""),
      element("span", {}, share(lesion.reported?.confidence)),
    ),
  );
  return element(
    "div",
    {},
    element("ol", { class: "sheet-lesions" }, ...items),
    rest > 0 && element("p", {}, `and ${count(rest, "smaller lesion")}${isAsReported ? ", in report.json" : ""}`),
  );
}
