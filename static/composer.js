// Where one types: a field that grows, sends with Enter, completes commands, and
// lets others know that one is typing.

import { $, Choices } from "./elements.js";

const AGAIN = 3000; // ms after which typing is said once more

const finger = matchMedia("(pointer: coarse)");

export class Composer {
  #field = $("words");
  #choices;
  #open = false;
  #complete;

  // submit takes what was typed and gives what is wrong with it, if anything;
  // complete gives the choices for what stands there; types is told of each change;
  // up is called when the arrow goes up from an empty field.
  constructor({ submit, complete, types, up }) {
    const field = this.#field;
    this.#choices = new Choices(field, $("options"), ({ value }) => this.#take(value));
    this.#complete = complete;
    field.addEventListener("input", () => {
      this.#changed();
      types(field.value);
    });
    addEventListener("resize", () => this.#fit());
    field.addEventListener("blur", () => this.#offer([]));
    field.addEventListener("keydown", (event) => {
      // An input method's keys are its own; a phone's Enter is a new line, and there
      // the button is beside the thumb.
      if (event.isComposing) return;
      const { key, shiftKey } = event;
      if (this.#open && this.#keyInList(key, shiftKey)) event.preventDefault();
      else if (key === "ArrowUp" && field.value === "") {
        event.preventDefault();
        up();
      } else if (key === "Enter" && !shiftKey && !finger.matches) {
        event.preventDefault();
        $("composer").requestSubmit();
      }
    });
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = field.value.replace(/^(?:[^\S\n]*\n)+|\s+$/gu, "");
      if (text === "") return;
      field.focus();
      // Emptied first: a command may go to a place with a draft.
      const typed = field.value;
      this.value = "";
      const trouble = submit(text);
      if (trouble) this.value = typed;
      $("trouble").textContent = trouble ?? "";
    });
    this.#changed();
  }

  get value() {
    return this.#field.value;
  }

  set value(text) {
    this.#field.value = text;
    this.#changed();
  }

  set placeholder(text) {
    this.#field.placeholder = text;
  }

  // focus does nothing on a phone, where it would put the keyboard over the page.
  focus() {
    if (!finger.matches) this.#field.focus({ preventScroll: true });
  }

  #changed() {
    this.#fit();
    $("send").disabled = this.#field.value.trim() === "";
    $("trouble").textContent = "";
    this.#offer(this.#complete(this.#field.value));
  }

  #fit() {
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight + 2}px`;
  }

  #offer(all) {
    // What is there to the letter needs no completion.
    if (all.length === 1 && this.#typed(all[0])) all = [];
    this.#open = all.length > 0;
    this.#choices.offer(all.slice(0, 8));
  }

  #typed({ value }) {
    return value.trim() === this.#field.value.trim();
  }

  #take(value) {
    this.value = value;
    this.#field.setSelectionRange(value.length, value.length);
  }

  #keyInList(key, shift) {
    const { chosen } = this.#choices;
    if (key === "ArrowDown") this.#choices.step(1);
    else if (key === "ArrowUp") this.#choices.step(-1);
    else if (key === "Escape") this.#offer([]);
    else if (!shift && (key === "Tab" || (key === "Enter" && !this.#typed(chosen)))) this.#take(chosen.value);
    else return false;
    return true;
  }
}

// A Typist lets others know that one is typing: volatile, so nothing of it is kept.
export class Typist {
  #tell;
  #said = 0;
  #where = null;

  // tell sends true or false to a place.
  constructor(tell) {
    this.#tell = tell;
  }

  // types is called with each change; what is empty, or a command, is nobody's concern.
  types(where, text) {
    if (text.trim() === "" || /^\/(?!\/)/.test(text)) return this.rests();
    if (this.#where === where && Date.now() - this.#said < AGAIN) return;
    this.#where = where;
    this.#said = Date.now();
    this.#tell(where, true);
  }

  rests() {
    if (this.#where !== null) this.#tell(this.#where, false);
    this.#where = null;
  }

  // sent needs no word: who hears the message knows.
  sent() {
    this.#where = null;
  }
}
