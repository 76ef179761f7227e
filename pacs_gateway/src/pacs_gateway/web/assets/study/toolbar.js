/** What is above the viewer: how it is divided, how lesions are drawn, and the modes. */

import { element, icon } from "../dom.js";
import { LAYOUTS } from "./layouts.js";

const STYLES = [
  ["outline", "Outline"],
  ["fill", "Fill"],
  ["off", "Off"],
];

/** The viewer's controls. `actions`: [{name, label, icon, does}], the buttons at the right. */
export class Toolbar {
  constructor(viewers, actions) {
    this.viewers = viewers;
    this.style = "outline";
    this.opacity = element("input", { type: "range", min: 10, max: 100, value: 90, "aria-label": "Opacity of lesions" });
    this.opacity.addEventListener("input", () => this.apply());
    this.layoutButtons = LAYOUTS.map(([name, label, picture]) => [name, iconButton(picture, label, () => this.setLayout(name))]);
    this.styleButtons = STYLES.map(([name, label]) => [
      name,
      element("button", { type: "button", class: "quiet", onclick: () => this.setStyle(name) }, label),
    ]);
    this.actions = actions.map(({ name, label, icon: picture, does }) => [name, iconButton(picture, label, does)]);
    const group = (label, buttons) =>
      element("div", { class: "group", role: "group", "aria-label": label }, ...buttons.map(([, button]) => button));
    this.node = element(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": "Viewer" },
      group("Layout", this.layoutButtons),
      group("Lesions", this.styleButtons),
      this.opacity,
      group("Modes", this.actions),
    );
  }

  setLayout(name) {
    this.layout = name;
    press(this.layoutButtons, name);
    for (const viewer of this.viewers()) viewer.setLayout(name);
  }

  setStyle(name) {
    if (name !== "off") this.lastStyle = name;
    this.style = name;
    this.apply();
  }

  /** Lesions off, or on as they were. */
  toggleMask() {
    this.setStyle(this.style === "off" ? (this.lastStyle ?? "outline") : "off");
  }

  apply() {
    press(this.styleButtons, this.style);
    for (const viewer of this.viewers()) viewer.setMaskStyle(this.style, this.opacity.value / 100);
  }

  setPressed(action, isPressed) {
    this.button(action).setAttribute("aria-pressed", isPressed);
  }

  focus(action) {
    this.button(action).focus();
  }

  button(action) {
    return this.actions.find(([name]) => name === action)[1];
  }
}

function iconButton(picture, label, does) {
  return element("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick: does }, icon(picture));
}

function press(buttons, name) {
  for (const [one, button] of buttons) button.setAttribute("aria-pressed", one === name);
}
