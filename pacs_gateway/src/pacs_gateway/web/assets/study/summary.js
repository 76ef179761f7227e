/** The figures at the top of the panel. */

import { element } from "../dom.js";
import { share, volume } from "../format.js";

/** Lesions and volume as they are marked now, with the report's where they differ; and the quality of the scan. */
export function summary(layer) {
  const { reported } = layer;
  const lesions = figure("Lesions");
  const total = figure("Volume, ml");
  const quality = figure("Scan quality");
  quality.show(share(reported.quality.score));

  function show() {
    const differs = !layer.isAsReported;
    lesions.show(String(layer.lesions.length), differs && `model ${reported.lesion_count}`);
    total.show(volume(layer.total_ml), differs && `model ${volume(reported.total_volume_ml)}`);
  }
  layer.addEventListener("change", show);
  show();
  return element("div", { class: "summary" }, lesions.node, total.node, quality.node, ...flags(reported));
}

function figure(says) {
  const value = element("strong");
  const beside = element("span", { class: "dim" });
  return {
    node: element("p", { class: "stat" }, element("span", { class: "dim" }, says), value, beside),
    show(text, other) {
      value.textContent = text;
      beside.textContent = other || "";
    },
  };
}

function flags({ quality_flags }) {
  return quality_flags.map(({ message, severity }) => element("p", { class: `flag is-${severity}` }, message));
}
