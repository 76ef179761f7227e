/** Where the crosshair is, and what is there. */

import { element } from "../dom.js";
import { share } from "../format.js";

/** A line below the viewer; `show(location)` takes what NiiVue says, `probabilityAt(voxel)` may answer null. */
export function readout(probabilityAt) {
  const line = element("p", { class: "readout" });
  const convention = element("p", { class: "readout convention" }, "Radiological: the patient's right is on the left");
  return {
    node: element("div", { class: "readouts" }, line, convention),
    show({ mm, vox, values }) {
      const [right, anterior, superior] = mm;
      const probability = probabilityAt(vox);
      line.replaceChildren(
        part(right >= 0 ? "R" : "L", Math.abs(right).toFixed(1)),
        part(anterior >= 0 ? "A" : "P", Math.abs(anterior).toFixed(1)),
        part(superior >= 0 ? "S" : "I", `${Math.abs(superior).toFixed(1)} mm`),
        part("value", Math.round(values[0]?.value ?? 0)),
        probability === null ? "" : part("probability", share(probability)),
      );
    },
  };
}

function part(name, value) {
  return element("span", {}, element("span", { class: "dim" }, name), ` ${value}`);
}
