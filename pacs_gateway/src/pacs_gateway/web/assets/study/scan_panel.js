/** The scan itself: how good it is for this system, and what its result was made with. */

import { element } from "../dom.js";
import { share } from "../format.js";

export function scanPanel(reported) {
  const { quality, provenance, input } = reported;
  const { model, preprocessing, postprocessing } = provenance;
  return element(
    "section",
    { class: "scan" },
    element("h2", {}, "Quality"),
    element("ul", { class: "qualities" }, ...quality.components.map(component)),
    element("h2", {}, "Scan"),
    facts([
      ["Voxels", input.shape.join(" × ")],
      ["Spacing", `${input.spacing_mm.map((edge) => edge.toFixed(2)).join(" × ")} mm`],
      ["SHA-256", code(input.sha256)],
    ]),
    element("h2", {}, "Made with"),
    facts([
      ["Model", `${model.name} ${model.version}`],
      ["Weights", code(model.weights_sha256)],
      ["Read", preprocessing.planes.join(", ").replaceAll("_", " ")],
      ["Marked", `probability ${share(postprocessing.threshold)} or more, ${postprocessing.min_lesion_ml} ml or more`],
    ]),
  );
}

function component({ name, score }) {
  const says = score === null ? "not assessed" : share(score);
  return element(
    "li",
    {},
    element("span", {}, name[0].toUpperCase() + name.slice(1)),
    score === null ? element("span") : element("meter", { min: 0, max: 1, low: 0.5, optimum: 1, value: score, "aria-label": name }),
    element("span", {}, says),
  );
}

function facts(pairs) {
  return element("dl", { class: "facts" }, ...pairs.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function code(digest) {
  return element("code", { title: digest }, digest.slice(0, 16));
}
