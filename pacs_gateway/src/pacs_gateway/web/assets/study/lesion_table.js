/** The lesions that are marked, largest first; choosing one goes there. */

import { element } from "../dom.js";
import { share, volume } from "../format.js";

const CERTAINLY_BESIDE_MM = 15;
const CONFIDENCE = "Confidence: how sure the network is that something is here; not that it is a lesion of multiple sclerosis";
const COLUMNS = [
  ["#"],
  ["ml"],
  ["Place"],
  ["Confidence", CONFIDENCE],
];

/**
 * `placeOf(lesion)`: what the findings say of where it is, {says, title}; `changeOf(lesion)`: what became of it since the
 * earlier scan that is compared with. Either may have nothing to say. `fill()` asks them again.
 */
export function lesionTable(layer, { placeOf, changeOf }) {
  const body = element("tbody");
  const room = element(
    "div",
    { class: "lesions", tabindex: 0, role: "region", "aria-label": "Lesions" },
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element("tr", {}, ...COLUMNS.map(([name, title]) => element("th", { scope: "col", title }, name))),
      ),
      body,
    ),
  );
  const nothing = element("p", { class: "none-found" });

  function fill() {
    const largest = layer.lesions[0]?.volume_ml;
    body.replaceChildren(...layer.lesions.map((lesion) => row(lesion, largest, { place: placeOf(lesion), change: changeOf(lesion), choose: () => layer.choose(lesion.number) })));
    nothing.textContent = emptyText(layer);
    nothing.hidden = layer.lesions.length > 0;
    room.hidden = layer.lesions.length === 0;
    mark();
  }

  function mark() {
    for (const one of body.rows) {
      const isChosen = Number(one.dataset.lesion) === layer.chosen;
      if (!isChosen) {
        one.removeAttribute("aria-current");
        continue;
      }
      one.setAttribute("aria-current", "true");
      one.scrollIntoView({ block: "nearest" });
    }
  }
  layer.addEventListener("change", fill);
  layer.addEventListener("choice", mark);
  fill();
  const meaning = element("p", { class: "dim" }, `${CONFIDENCE}.`);
  return { node: element("div", { class: "lesion-room" }, nothing, room, meaning), fill };
}

function row(lesion, largest, { place, change, choose }) {
  const bar = element("span", { class: "bar-of" });
  bar.style.setProperty("--part", Math.cbrt(lesion.volume_ml / largest));
  const confidence = lesion.reported?.confidence;
  return element(
    "tr",
    { "data-lesion": lesion.number, onclick: choose },
    element("td", {}, element("button", { type: "button", class: "quiet", "aria-label": `Go to lesion ${lesion.number}` }, String(lesion.number))),
    element("td", { class: "figure" }, bar, volume(lesion.volume_ml)),
    element("td", { class: "place", title: place?.title }, place?.says ?? side(lesion), change && element("span", { class: `tag is-${change.toLowerCase()}` }, change)),
    element("td", { class: "figure", title: `Highest probability ${share(lesion.max)}` }, share(confidence)),
  );
}

/** Of a lesion that the findings do not know. A head lies centred in the scanner by a centimetre or so. */
function side({ center_mm: [right] }) {
  if (Math.abs(right) < CERTAINLY_BESIDE_MM) return "";
  return right > 0 ? "Right" : "Left";
}

function emptyText(layer) {
  if (layer.correction !== null) return "This correction marks no lesion.";
  if (!layer.isAsReported) return "No lesion at this threshold.";
  return "No lesion was found. That does not say that there is none: look at the scan, and lower the threshold to see what the model nearly marked.";
}
