/** Elements made without markup in strings, so that no name of a file can become markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. `on...` properties are listeners, `class` is the class, true and false switch an attribute, null and
 * undefined leave it out, and the rest are attributes. Children are nodes, text, or nothing.
 */
export function element(tag, properties = {}, ...children) {
  return furnish(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function svg(tag, properties = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), properties, children);
}

/** One of the pictures of icons.svg. */
export function icon(name) {
  return svg("svg", { "aria-hidden": "true", viewBox: "0 0 24 24" }, svg("use", { href: `/assets/icons.svg#${name}` }));
}

/** Says something to a screen reader, without moving the focus. */
export function announce(text) {
  document.getElementById("announce").textContent = text;
}

function furnish(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true || value === false) node.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
