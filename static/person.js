// What this browser knows of the person: what they are called, what they said and
// nobody has yet, and what was said privately.

import { $, browser, tab } from "./elements.js";

const ADJECTIVES = "Amber Brave Bright Calm Clever Gentle Golden Jolly Keen Lucky Merry Nimble Patient Quick Quiet Swift".split(" ");
const ANIMALS = "Badger Beaver Crane Curlew Dolphin Falcon Finch Heron Kestrel Lark Lynx Otter Puffin Raven Robin Wren".split(" ");

const one = (list) => list[Math.floor(Math.random() * list.length)];
const suggest = () => `${one(ADJECTIVES)} ${one(ANIMALS)}`;

// wrongName says what is wrong with a nickname, if anything; the server's rule.
export function wrongName(name) {
  if (name === "") return "Give a name, be it a short one.";
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)) return "There is an invisible character in the name.";
  if (new TextEncoder().encode(name).length > 64) return "That name is too long: at most 64 bytes.";
  return "";
}

// A tab keeps its own name over reloads, and the browser the newest for other tabs.
export function knownName() {
  const name = tab.get("name") ?? browser.get("name") ?? "";
  return wrongName(name) ? "" : name;
}

export function keepName(name) {
  tab.set("name", name);
  browser.set("name", name);
}

// askName gives the nickname that somebody chose; a pleasant one is filled in, so
// that Enter is enough. Who closes the dialog takes the one they had, or that.
export function askName(current = "") {
  const dialog = $("nickname");
  const field = $("nickname-text");
  const form = $("nickname-form");
  let name = current || suggest();
  field.value = name;
  $("nickname-trouble").textContent = "";
  return new Promise((done) => {
    const life = new AbortController();
    const { signal } = life;
    const again = () => {
      field.value = suggest();
      if (!current) name = field.value;
      field.select();
    };
    const submit = (event) => {
      const typed = field.value.trim();
      const trouble = wrongName(typed);
      $("nickname-trouble").textContent = trouble;
      if (trouble) return event.preventDefault();
      name = typed;
    };
    const close = () => {
      life.abort();
      done(name);
    };
    $("nickname-again").addEventListener("click", again, { signal });
    form.addEventListener("submit", submit, { signal });
    dialog.addEventListener("close", close, { signal });
    dialog.showModal();
    field.select();
  });
}

// The outbox holds what was typed and not yet answered for, so that a reload
// does not lose it. Every message has its key from the beginning; under the same
// connection ID the server keeps it once.

const alphabet = "0123456789abcdefghijklmnopqrstuv";
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(20)), (b) => alphabet[b & 31]).join("");

export class Outbox {
  #slot;
  #connectionId = "";
  #items = [];

  constructor(namespaceURL) {
    this.#slot = `outbox ${namespaceURL}`;
  }

  // restore gives what an earlier load of this tab left. A duplicated tab finds a
  // copy of its model's outbox; where it is somebody else, that is not its to send.
  restore(connectionId) {
    this.#connectionId = connectionId;
    const kept = tab.get(this.#slot);
    const left = kept?.connectionId === connectionId ? kept.items : [];
    // When the key was first used is not known any more; when it was made, is.
    for (const item of left) item.begun = item.at;
    this.#items = [...left, ...this.#items];
    this.#save();
    return left;
  }

  add(to, text) {
    const item = { key: newKey(), to, text, at: Date.now() };
    this.#items.push(item);
    this.#save();
    return item;
  }

  drop(item) {
    this.#items = this.#items.filter((other) => other !== item);
    this.#save();
  }

  rekey(item) {
    item.key = newKey();
    item.at = Date.now();
    delete item.begun;
    this.#save();
  }

  #save() {
    // Before one knows who one is, an earlier load's may still lie there.
    if (!this.#connectionId) return;
    tab.set(this.#slot, this.#items.length ? { connectionId: this.#connectionId, items: this.#items } : null);
  }
}

const EACH = 200; // private messages of a conversation
const ALL = 40; // private conversations

// Secrets are what was said privately. The server tells it once, to the two it
// concerns, and has no history of it to ask for; so the browser keeps the newest
// of it.
export class Secrets {
  #store;
  #slot;

  constructor(store, namespaceURL) {
    this.#store = store;
    this.#slot = `private ${namespaceURL}`;
  }

  // all gives the conversations: member to {name, read, events}.
  all() {
    return new Map(Object.entries(this.#store.get(this.#slot, {})));
  }

  // add keeps an event; several tabs may hear the same one.
  add({ member, name }, event) {
    this.#change(member, (talk) => {
      if (name) talk.name = name;
      if (talk.events.some(({ id }) => id === event.id)) return;
      talk.events = [...talk.events, event].slice(-EACH);
    });
  }

  read(member, id) {
    this.#change(member, (talk) => (talk.read = id));
  }

  erase(ids) {
    for (const [member, { events }] of this.all()) {
      if (events.some(({ id }) => ids.includes(id))) {
        this.#change(member, (talk) => (talk.events = talk.events.filter(({ id }) => !ids.includes(id))));
      }
    }
  }

  forget(member) {
    const all = this.all();
    all.delete(member);
    this.#store.set(this.#slot, Object.fromEntries(all));
  }

  #change(member, fn) {
    const all = this.all();
    const talk = all.get(member) ?? { name: "", read: "", events: [] };
    // Moved to the end: what was touched last is forgotten last.
    all.delete(member);
    all.set(member, talk);
    fn(talk);
    this.#store.set(this.#slot, Object.fromEntries([...all].slice(-ALL)));
  }
}
