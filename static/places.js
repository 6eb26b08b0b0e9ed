// A place is where one talks: a room, or privately with one member. Its key is
// what a POST goes to: "lobby", "@k3x9…". The columns beside the conversation list
// the places, and who is in one; the switcher goes to any.

import { $, button, Choices, icon, keyed, make, words } from "./elements.js";
import { avatar, called, several, speaker } from "./message.js";
import { Timeline } from "./timeline.js";

const STILL_TYPING = 6000; // ms that a "typing" counts for

export class Place {
  draft = "";
  unread = new Set(); // IDs of others' messages that came while one was elsewhere
  members = new Map(); // who is in the room, as far as it is told
  count = 0;
  opened = false; // its history was asked for
  read = ""; // the newest ID that was seen

  #typing = new Map();
  #told = false;

  // own gives one's member, which may not be known yet; first is what an empty
  // place shows.
  constructor(key, { own, first, name = "" }) {
    this.key = key;
    this.private = key[0] === "@";
    this.member = this.private ? key.slice(1) : "";
    this.name = name; // of the other side
    const mine = ({ from }) => (this.private ? from !== this.member : from === own());
    this.timeline = new Timeline({ label: `Conversation in ${this.label}`, own: mine, empty: make("div", "empty", ...first(this)) });
  }

  get label() {
    return this.private ? called({ id: this.member, name: this.name }) : this.key;
  }

  // presence takes what the server tells about the room's members, and gives who
  // came and who went, and who has another name: maps of member to name, and to the
  // names before and after.
  presence({ members, joined = [], left = [], changed = [], count }) {
    this.count = count;
    const told = { joined: new Map(), left: new Map(), changed: new Map() };
    // A whole state that is not the first tells what changed while one was away.
    if (members && this.#told) {
      const now = new Set(members.map(({ id }) => id));
      joined = members.filter(({ id }) => !this.members.has(id));
      left = [...this.members.keys()].filter((id) => !now.has(id));
      changed = members;
    } else if (members) this.members = new Map(members.map((person) => [person.id, person]));
    this.#told = true;
    for (const person of joined) {
      if (!this.members.has(person.id)) told.joined.set(person.id, called(person));
      this.members.set(person.id, person);
    }
    for (const id of left) {
      told.left.set(id, called(this.members.get(id) ?? { id }));
      this.members.delete(id);
      this.#typing.delete(id);
    }
    for (const person of changed) {
      const was = called(this.members.get(person.id) ?? person);
      this.members.set(person.id, person);
      if (was !== called(person)) told.changed.set(person.id, [was, called(person)]);
    }
    return told;
  }

  // types hears that a member is typing, or no more.
  types(event, on) {
    this.#typing.delete(event.from);
    if (on && event.from) this.#typing.set(event.from, { name: speaker(event), until: Date.now() + STILL_TYPING });
  }

  // typists gives who is typing: member to name.
  get typists() {
    const now = Date.now();
    return new Map([...this.#typing].filter(([, { until }]) => until > now).map(([id, { name }]) => [id, name]));
  }
}

// showPlaces fills the column of rooms and private conversations.
export function showPlaces(chat) {
  const all = [...chat.places].sort(([a], [b]) => a.localeCompare(b));
  const elsewhere = all.reduce((n, [, place]) => n + (place === chat.current ? 0 : place.unread.size), 0);
  const create = (place) => tie(chat, place);
  const update = (item, place) => {
    const link = item.firstElementChild;
    const here = place === chat.current;
    link.ariaCurrent = here ? "page" : null;
    words(link.querySelector("bdi"), place.label);
    item.classList.toggle("waiting", !here && place.unread.size > 0);
    item.classList.toggle("online", chat.people().has(place.member));
    count(link.lastElementChild, here ? 0 : place.unread.size);
  };
  keyed($("room-list"), all.filter(([, place]) => !place.private), create, update);
  keyed($("private-list"), all.filter(([, place]) => place.private), create, update);
  $("private").hidden = !all.some(([, place]) => place.private);
  count($("rooms-unread"), elsewhere);
}

function tie(chat, place) {
  const picture = place.private ? avatar(place.member, place.label) : make("span", "hash", "#");
  picture.ariaHidden = "true";
  const link = make("a", "", picture, make("bdi"), make("span", "count"));
  link.href = chat.address(place.key);
  link.addEventListener("click", (event) => {
    // With a key held it is for the browser: a new tab, a new window.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    chat.go(place.key);
  });
  return make("li", "", link, button("tool", icon("close"), () => chat.leave(place.key), `Leave ${place.label}`));
}

function count(el, n) {
  const text = n > 99 ? "99+" : String(n);
  el.hidden = n === 0;
  if (el.dataset.n === text) return;
  el.dataset.n = text;
  el.replaceChildren(text, make("span", "unseen", " unread"));
}

// showPeople fills the column of who is in the current place, and the line of who
// is typing there.
export function showPeople(chat) {
  const { current: place, member: me } = chat;
  const people = place.private ? chat.pair(place) : [...place.members.values()];
  const rank = (person) => (person.id === me ? 0 : person.name || person.user ? 1 : 2);
  people.sort((a, b) => rank(a) - rank(b) || called(a).localeCompare(called(b)));
  const typing = place.typists;
  keyed($("people-list"), people.map((person) => [person.id, person]), (person) => someone(chat, person), (item, person) => {
    const name = called(person);
    const [face, by, state] = item.querySelectorAll(".avatar, bdi, .quiet");
    if (by.textContent !== name) face.replaceWith(avatar(person.id, name));
    words(by, name);
    words(state, person.id === me ? "you" : typing.has(person.id) ? "typing…" : "");
  });
  const total = place.private ? people.length : place.count;
  words($("people-count"), total ? String(total) : "");
  words($("people-note"), total > people.length ? `and ${total - people.length} more` : "");

  const names = [...typing.values()];
  const line = names.length > 3 ? ["Several people are typing…"] : names.length ? [...several(names), names.length > 1 ? " are typing…" : " is typing…"] : [];
  if ($("typing").textContent !== line.map((part) => part.textContent ?? part).join("")) $("typing").replaceChildren(...line);
}

function someone(chat, { id }) {
  const own = id === chat.member;
  const face = make("span", "face", avatar(id, ""), make("bdi"), make("span", "quiet"));
  const act = button("person", face, () => (own ? chat.askName() : chat.go(`@${id}`)));
  act.title = own ? "Change your nickname" : "Write privately";
  return make("li", "", act);
}

// The switcher goes to a room: one of one's own, another of the namespace, or one
// that nobody has thought of yet.
export class Switcher {
  #chat;
  #dialog = $("switcher");
  #field = $("switcher-text");
  #choices = new Choices(this.#field, $("switcher-list"), (one) => this.#take(one));

  constructor(chat) {
    this.#chat = chat;
    this.#field.addEventListener("input", () => this.#offer());
    this.#field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "ArrowDown") this.#choices.step(1);
      else if (event.key === "ArrowUp") this.#choices.step(-1);
      else if (event.key === "Enter") this.#take(this.#choices.chosen);
      else return;
      event.preventDefault();
    });
  }

  open() {
    if (this.#dialog.open) return;
    this.#field.value = "";
    this.#offer();
    this.#dialog.showModal();
    this.#chat.readDirectory().then(() => this.#dialog.open && this.#offer(true));
  }

  #offer(keep) {
    const { places, current, directory } = this.#chat;
    const typed = this.#field.value.trim();
    const state = (place) => (place === current ? "you are here" : place.unread.size ? `${place.unread.size} unread` : "");
    const own = [...places].map(([key, place]) => ({ key, label: place.label, sign: place.private ? "@" : "#", what: state(place) }));
    const others = directory
      .filter(({ room }) => !places.has(room))
      .map(({ room, count }) => ({ key: room, label: room, sign: "#", what: count ? `${count} here` : "" }));
    const fits = ({ label }) => label.toLowerCase().includes(typed.toLowerCase());
    const all = [...own, ...others].filter(fits).slice(0, 12);
    // Where one is comes last: one goes somewhere else.
    all.sort((a, b) => (a.key === current.key) - (b.key === current.key));
    if (typed && !all.some(({ key }) => key === typed)) all.push({ key: typed, label: typed, sign: "+", what: "create or join" });
    this.#choices.offer(all, keep);
    words($("switcher-trouble"), "");
  }

  #take(one) {
    if (!one) return;
    const trouble = this.#chat.places.has(one.key) ? this.#chat.go(one.key) : this.#chat.join(one.key);
    words($("switcher-trouble"), trouble ?? "");
    if (!trouble) this.#dialog.close();
  }
}
