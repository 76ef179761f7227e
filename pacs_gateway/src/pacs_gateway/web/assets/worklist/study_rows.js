/** The worklist's table. */

import { element, icon } from "../dom.js";
import { count, moment, NONE, share, since, volume } from "../format.js";
import { stateKind, stateName, stepShare } from "../study_state.js";

const COLUMNS = ["State", "Priority", "Study", "From", "Received", "Lesions", "Volume", "Quality", "Remove"];

/** `onRemove(study)` when its button is pressed. */
export function studyTable(studies, onRemove) {
  const head = COLUMNS.map((name) => element("th", { scope: "col", class: `c-${name.toLowerCase()}` }, name));
  return element(
    "table",
    { class: "studies" },
    element("caption", { class: "unseen" }, "Studies, newest first"),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...studies.map((study) => row(study, onRemove))),
  );
}

function row(study, onRemove) {
  const kind = stateKind(study);
  const cell = (name, ...content) => element("td", { class: `c-${name}` }, ...content);
  return element(
    "tr",
    { class: `is-${kind}`, "data-study": study.id },
    cell("state", stateBadge(study)),
    cell("priority", study.priority === "urgent" ? element("span", { class: "tag urgent" }, "Urgent") : "Routine"),
    cell("study", element("a", { href: `#/studies/${study.id}` }, study.name)),
    cell("from", study.source === "dicom" ? "PACS" : "Upload"),
    cell("received", element("time", { datetime: study.received_at, title: moment(study.received_at) }, since(study.received_at))),
    ...(study.error ? [problemCell(study.error)] : figures(study, cell)),
    cell(
      "remove",
      // What came from the PACS is kept for it.
      study.source === "upload" &&
        element("button", { type: "button", class: "icon", "aria-label": `Remove ${study.name}`, onclick: () => onRemove(study) }, icon("remove")),
    ),
  );
}

function figures(study, cell) {
  if (stateKind(study) !== "done") return [element("td", { class: "c-wait", colspan: 3 }, progressBar(study))];
  return [
    cell("lesions", study.lesion_count === 0 ? "None found" : String(study.lesion_count ?? NONE)),
    cell("volume", study.lesion_count === 0 ? NONE : `${volume(study.total_volume_ml)} ml`),
    cell("quality", share(study.quality_score)),
  ];
}

function problemCell(problem) {
  return element("td", { class: "c-wait problem-line", colspan: 3, title: problem.fix }, problem.detail || problem.title);
}

/** A dot, the state's name, and on the way how far it is. */
export function stateBadge(study) {
  return element("span", { class: `state is-${stateKind(study)}` }, stateName(study));
}

function progressBar(study) {
  const part = stepShare(study);
  if (part === null) return null;
  const label = count(study.progress.total, "slice");
  return [
    element("progress", { max: 1, value: part, "aria-label": "Progress" }),
    element("span", { class: "dim" }, `${study.progress.done} of ${label}`),
  ];
}
