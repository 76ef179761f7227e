/** What a study's state is called, and how far it is. */

const STATES = {
  received: ["Arriving", "working"],
  complete: ["Queued", "working"],
  selected: ["Series chosen", "working"],
  segmenting: ["Segmenting", "working"],
  built: ["Sending", "working"],
  sent: ["Sending", "working"],
  done: ["Done", "done"],
  failed: ["Failed", "failed"],
};

export const STEPS = ["received", "complete", "selected", "segmenting", "built", "sent", "done"];

export const stateName = ({ state }) => STATES[state]?.[0] ?? state;

/** "working", "done" or "failed". */
export const stateKind = ({ state }) => STATES[state]?.[1] ?? "working";

/** Where the study has lesions to show. */
export const hasResult = (study) => "mask.nii.gz" in study.links;

/** The part of the step that is done, 0 to 1, or null where nobody knows. */
export function stepShare({ progress }) {
  return progress?.total ? Math.min(1, progress.done / progress.total) : null;
}
