/** DOM helpers without markup: all outside data becomes text, never HTML. */

/**
 * @param {string} tag
 * @param {Readonly<Record<string, string | boolean>>} [attributes] true sets an empty attribute, false sets none
 * @param {...(Node | string)} children strings become text
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  node.append(...children);
  return node;
}

/**
 * @param {string} tag
 * @param {Readonly<Record<string, string | boolean>>} [attributes]
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function shape(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(node, attributes);
  node.append(...children);
  return node;
}

/**
 * @param {Element} node
 * @param {Readonly<Record<string, string | boolean>>} attributes
 */
function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) node.setAttribute(name, value === true ? '' : value);
  }
}

/**
 * Sets the text only if it changed, so that a quiet system costs no layout.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string} value
 */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * @param {HTMLElement} node
 * @param {boolean} shown
 */
export function setShown(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (node === null) throw new Error(`no element '${id}'`);
  return node;
}

/**
 * Updates the children of a list to those of `keys`, in their order, without touching those that stay.
 * @template Row
 * @param {Element} list
 * @param {Map<string, { readonly node: HTMLElement } & Row>} rows by key, updated in place
 * @param {readonly string[]} keys
 * @param {(key: string) => { readonly node: HTMLElement } & Row} make
 * @param {Element | null} [first] child with which the rows begin, after a head that stays
 */
export function reconcile(list, rows, keys, make, first = list.firstElementChild) {
  const wanted = new Set(keys);
  for (const [key, row] of rows) {
    if (wanted.has(key)) continue;
    if (row.node === first) first = first.nextElementSibling;
    row.node.remove();
    rows.delete(key);
  }
  let next = first;
  for (const key of keys) {
    let row = rows.get(key);
    if (row === undefined) rows.set(key, (row = make(key)));
    if (row.node === next) next = next.nextElementSibling;
    else list.insertBefore(row.node, next);
  }
}
