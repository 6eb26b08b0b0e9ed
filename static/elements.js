// What the whole page is made with: elements, lists, the clipboard, and what is
// remembered. Elements are made of tags, classes and text; no string is ever read
// as markup.

export const $ = (id) => document.getElementById(id);

// make gives an element with what is put into it: strings and nodes.
export function make(tag, className = "", ...inside) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  el.append(...inside);
  return el;
}

// button gives a button that says what it does: in text, or as a label for what
// is only drawn.
export function button(className, face, fn, label) {
  const el = make("button", className, face);
  el.type = "button";
  if (label) el.ariaLabel = el.title = label;
  el.addEventListener("click", fn);
  return el;
}

const SVG = "http://www.w3.org/2000/svg";

// icon gives one of the drawings that the document holds.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  svg.ariaHidden = "true";
  return svg;
}

// words sets a text only where it differs: a mutation is an event for those who
// listen to the page, and moves what they have selected.
export function words(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

// keyed makes a list show items in their order. An element belongs to its key for
// as long as that is shown, so that focus and selection stay where they are.
export function keyed(list, items, create, update) {
  const old = new Map([...list.children].map((el) => [el.dataset.key, el]));
  let next = list.firstElementChild;
  for (const [key, item] of items) {
    let el = old.get(key);
    if (!el) {
      el = create(item);
      el.dataset.key = key;
    }
    old.delete(key);
    if (el === next) next = next.nextElementSibling;
    else list.insertBefore(el, next);
    update(el, item);
  }
  for (const el of old.values()) el.remove();
}

// Choices are a list that is chosen from while the focus stays in a field: with the
// arrows, Enter, or a finger.
export class Choices {
  #field;
  #list;
  #all = [];
  #at = 0;
  #take;

  // take is called with the one that was chosen.
  constructor(field, list, take) {
    this.#field = field;
    this.#list = list;
    this.#take = take;
  }

  get chosen() {
    return this.#all[this.#at];
  }

  // offer shows choices {sign?, label, args?, what}; none hides the list. The one
  // that is chosen stays so, where that is kept.
  offer(all, keep = false) {
    const at = keep ? all.findIndex(({ label }) => label === this.chosen?.label) : 0;
    this.#all = all;
    this.#list.hidden = all.length === 0;
    this.#list.replaceChildren(...all.map((one, i) => this.#draw(one, i)));
    this.#move(Math.max(0, at));
  }

  // step goes on by so many, around the ends.
  step(by) {
    const n = this.#all.length;
    if (n) this.#move((this.#at + by + n) % n);
  }

  #draw(one, i) {
    const { sign = "", label, args = "", what } = one;
    const item = make("li", "", sign, make("bdi", "", label), make("span", "args", args), make("span", "quiet", what));
    item.role = "option";
    item.id = `${this.#list.id}-${i}`;
    // Not click: the field would lose the focus first.
    item.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.#take(one);
    });
    return item;
  }

  #move(at) {
    this.#at = at;
    [...this.#list.children].forEach((item, i) => (item.ariaSelected = String(i === at)));
    this.#list.children[at]?.scrollIntoView({ block: "nearest" });
    if (this.chosen) this.#field.setAttribute("aria-activedescendant", `${this.#list.id}-${at}`);
    else this.#field.removeAttribute("aria-activedescendant");
  }
}

// copyText puts text on the clipboard and says so on the button for a moment.
export async function copyText(text, button) {
  const done = (await modern(text)) || ancient(text);
  // A button that is only drawn has a colour to say it with.
  const label = button.querySelector("svg") ? null : button.textContent;
  if (button.dataset.copied) return done;
  button.dataset.copied = done ? "yes" : "no";
  if (label) button.textContent = done ? "copied" : "select it";
  setTimeout(() => {
    delete button.dataset.copied;
    if (label) button.textContent = label;
  }, 1500);
  return done;
}

async function modern(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// A page over plain HTTP has no clipboard but this one.
function ancient(text) {
  const area = make("textarea", "unseen");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  const before = document.activeElement;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}

// A Store remembers: for the browser, in every tab of it, or for the tab, over its
// reloads. Where that is full or forbidden, it remembers as long as the page lives.
class Store {
  #area;
  #memory = new Map();

  constructor(area) {
    try {
      this.#area = globalThis[area];
    } catch {
      // Forbidden altogether.
    }
  }

  get(key, otherwise = null) {
    try {
      return JSON.parse(this.#area.getItem(`parley ${key}`)) ?? otherwise;
    } catch {
      return this.#memory.get(key) ?? otherwise;
    }
  }

  // set keeps a value; null forgets it.
  set(key, value) {
    this.#memory.set(key, value);
    try {
      if (value === null) this.#area.removeItem(`parley ${key}`);
      else this.#area.setItem(`parley ${key}`, JSON.stringify(value));
    } catch {
      // As said above.
    }
  }
}

export const browser = new Store("localStorage");
export const tab = new Store("sessionStorage");
