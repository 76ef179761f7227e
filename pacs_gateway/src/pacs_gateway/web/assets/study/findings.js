/** findings.json: where lesions are, what such a pattern goes with, and what to do next; every sentence with its source. */

import { element } from "../dom.js";
import { count, share, volume } from "../format.js";

const LOCATIONS = {
  periventricular: "Periventricular",
  juxtacortical: "Juxtacortical",
  infratentorial: "Infratentorial",
  deep_white_matter: "Deep white matter",
  undetermined: "Undetermined",
};

const KINDS = [
  ["association", "Such a pattern goes with"],
  ["differential", "What else looks like it"],
  ["next_step", "Suggested next steps"],
];

export const OF_THE_REPORT = "What follows is of the model's result in the report, not of the marks as they are shown.";

export class Findings {
  constructor(content) {
    this.content = content;
    this.places = new Map(content.lesions.map((lesion) => [lesion.index, lesion]));
    this.references = Object.keys(content.references);
  }

  /** Where a lesion of the report is estimated to be: {says, title}; null for one that is not the report's. */
  placeOf({ reported }) {
    const place = this.places.get(reported?.index);
    if (!place) return null;
    const name = LOCATIONS[place.location] ?? place.location;
    const sureness = place.probability === null ? "" : `, estimated with probability ${share(place.probability)}`;
    return { says: name, title: `${name}${sureness}` };
  }

  /** `layer`: the marks that are shown, which may be others than the report's. */
  panel(layer) {
    const { label, confidence, locations, method } = this.content;
    const note = element("p", { hidden: layer.isAsReported }, OF_THE_REPORT);
    layer.addEventListener("change", () => (note.hidden = layer.isAsReported));
    return element(
      "section",
      { class: "findings" },
      note,
      element(
        "p",
        { class: "label" },
        element("strong", {}, label),
        confidence !== null && element("span", { class: "dim" }, `confidence ${share(confidence)}`),
      ),
      element("h2", {}, "Where"),
      element("table", { class: "places" }, element("tbody", {}, ...locations.map(placeRow))),
      element("p", { class: "dim" }, method),
      element("p", { class: "dim" }, this.content.knowledge.notice),
      ...this.statements(),
      ...this.sources(),
    );
  }

  /** The sentences and their sources, for paper. */
  printed() {
    const notice = element("p", { class: "dim" }, this.content.knowledge.notice);
    return element("div", { class: "findings" }, notice, ...this.statements(), ...this.sources());
  }

  sources() {
    const texts = Object.values(this.content.references);
    return [element("h2", {}, "Sources"), element("ol", { class: "sources" }, ...texts.map((text) => element("li", {}, text)))];
  }

  statements() {
    return KINDS.flatMap(([kind, title]) => {
      const those = this.content.statements.filter((statement) => statement.kind === kind);
      if (those.length === 0) return [];
      return [element("h2", {}, title), element("ul", { class: "statements" }, ...those.map((one) => this.statement(one)))];
    });
  }

  statement({ text, citations }) {
    const numbers = citations.map((key) => this.references.indexOf(key) + 1).join(", ");
    return element("li", {}, text, " ", element("span", { class: "dim" }, `[${numbers}]`));
  }
}

function placeRow({ location, count: lesions, volume_ml }) {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, LOCATIONS[location] ?? location),
    element("td", {}, count(lesions, "lesion")),
    element("td", {}, `${volume(volume_ml)} ml`),
  );
}
