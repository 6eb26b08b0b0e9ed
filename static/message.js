// One message, and the people and times in it: how they look and are called.
// What people type becomes text nodes, links and code, and nothing else.

import { button, copyText, icon, make } from "./elements.js";

const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const hours = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dayAndHours = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const exact = (time) => whole.format(time);
export const sameDay = (a, b) => a.toDateString() === b.toDateString();

// moment gives a time of today by the clock, another with its day.
export const moment = (time) => (sameDay(time, new Date()) ? hours : dayAndHours).format(time);

function dayOf(time) {
  const now = new Date();
  if (sameDay(time, now)) return "Today";
  if (sameDay(time, new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return "Yesterday";
  return (time.getFullYear() === now.getFullYear() ? day : dayAndYear).format(time);
}

const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function initials(name) {
  const parts = name.split(/[\s_.-]+/u).filter(Boolean);
  const firsts = parts.map((part) => [...letters.segment(part)][0].segment);
  return (firsts.length > 1 ? firsts[0] + firsts.at(-1) : (firsts[0] ?? "·")).toUpperCase();
}

// hue gives a member's place on the circle of colours.
function hue(member) {
  let h = 2166136261;
  for (const c of member) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
  return (h >>> 8) % 360;
}

// called gives the name to show for a member, also one that has none: who listens
// with curl.
export function called({ id, name, user }) {
  return name || user || (id ? `guest ${id.slice(0, 4)}` : "unsigned");
}

// speaker gives the same for who sent an event.
export const speaker = ({ from, name, user }) => called({ id: from, name, user });

// avatar gives the picture of a member: initials on their colour. Who spoke without a
// connection ID has no colour.
export function avatar(member, name) {
  const el = make("span", "avatar", initials(name));
  el.ariaHidden = "true";
  if (member) el.style.setProperty("--hue", hue(member));
  else el.classList.add("none");
  return el;
}

// several names people as a sentence does: "Ann, Bo and 3 others".
export function several(names, most = 3) {
  const shown = names.length > most ? names.slice(0, most - 1) : names;
  const out = shown.map((name) => make("bdi", "", name));
  if (shown.length < names.length) out.push(`${names.length - shown.length} others`);
  return out.flatMap((part, i) => (i === 0 ? [part] : [i === out.length - 1 ? " and " : ", ", part]));
}

const TOKEN = /```(?:[\w+-]*\n)?([^]+?)\n?```|`([^`\n]+)`|\bhttps?:\/\/[^\s<>"`]+/giu;
const EMOJI = /^(?:\p{RI}{2}|\p{Emoji_Presentation}|\p{Emoji}\uFE0F|[\u200D\uFE0F\u20E3\p{Emoji_Modifier}\s])+$/u;

// render gives the nodes of one message.
function render(text) {
  const out = document.createDocumentFragment();
  let end = 0;
  for (const m of text.matchAll(TOKEN)) {
    const [all, block, inline] = m;
    const inner = block ?? inline;
    const node = inner === undefined ? link(all) : code(inner, block !== undefined);
    if (!node) continue;
    out.append(text.slice(end, m.index), node);
    end = m.index + (inner === undefined ? node.textContent : all).length;
  }
  out.append(text.slice(end));
  return out;
}

function code(text, block) {
  const copy = button("copy-code", icon("copy"), () => copyText(text, copy), "Copy this code");
  return make("span", block ? "code block" : "code", make("code", "", text), copy);
}

function link(text) {
  // The stop that ends a sentence is not part of the address, nor is a bracket
  // that was opened before it.
  for (let before; before !== text; ) {
    before = text;
    text = text.replace(/[.,;:!?'’”»]+$/u, "");
    for (const [open, close] of ["()", "[]", "{}"]) {
      if (text.endsWith(close) && text.split(close).length > text.split(open).length) text = text.slice(0, -1);
    }
  }
  if (!URL.canParse(text)) return null;
  const a = make("a", "", text);
  a.href = text;
  a.target = "_blank";
  a.rel = "noopener noreferrer";
  return a;
}

// plain gives an event's payload in words.
export function plain({ data, encoding, type }) {
  if (encoding === "base64") return `${type || "bytes"}, ${bytes(data)}`;
  return typeof data === "string" ? data : JSON.stringify(data);
}

function bytes(base64) {
  const n = Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
  return n < 1024 ? `${n} bytes` : `${(n / 1024).toFixed(1)} KB`;
}

// messageOf finds the message of an element.
export const messageOf = new WeakMap();

// A Message is one event's element, and what in it depends on the message before.
export class Message {
  id; // absent for what is on its way, or was volatile
  sending = false;

  #day;
  #head = [];
  #mark;

  constructor(event, own) {
    this.event = event;
    this.own = own;
    this.id = event.id;
    this.time = new Date(event.time);
    // Whoever has this in common, and speaks soon after, goes on under one head.
    this.who = own ? "" : JSON.stringify([event.from, event.name, event.to]);
    this.el = make("li", own ? "entry own" : "entry", stamp("side", this.time), body(event));
    this.el.tabIndex = -1;
    messageOf.set(this.el, this);
  }

  // head shows or hides who speaks and when.
  head(on) {
    if (on === this.#head.length > 0) return;
    this.el.classList.toggle("head", on);
    for (const el of this.#head) el.remove();
    this.#head = [];
    if (!on) return;
    const { from, to } = this.event;
    const name = speaker(this.event);
    const line = make("p", "by", make("bdi", "", name), stamp("", this.time));
    if (to) line.append(make("span", "chip", to.some((target) => target[0] === "@") ? "private" : `to ${to.join(", ").replace("*", "everyone")}`));
    this.#head = [avatar(from, name), line];
    this.el.querySelector(".side").before(...this.#head);
  }

  // day shows or hides the line that a new day begins with, above the message.
  day(on) {
    if (on === Boolean(this.#day)) return;
    this.#day?.remove();
    this.#day = on ? make("li", "day", make("span", "", dayOf(this.time))) : null;
    if (on) this.el.before(this.#day);
  }

  // top gives the first element that belongs to the message.
  get top() {
    return this.#day ?? this.el;
  }

  // mark says how far one's own message has come.
  mark(state, label) {
    if (!this.#mark) {
      this.#mark = make("span", "mark");
      this.#mark.role = "img";
      this.el.append(this.#mark);
    }
    this.#mark.dataset.state = state;
    this.#mark.ariaLabel = this.#mark.title = label;
  }

  // fail says why it was not kept, and what one can do about it.
  fail(why, choices) {
    this.mark("failed", "Not sent");
    const note = make("p", "failure", why);
    for (const [text, fn] of Object.entries(choices)) note.append(" ", button("plain", text, fn));
    this.el.append(note);
  }
}

function body({ event, data, encoding, type }) {
  const el = make("div", "body");
  el.dir = "auto";
  if (event !== "message") el.append(make("span", "chip", event));
  const text = typeof data === "string" && !encoding;
  el.append(text ? make("span", data.length <= 40 && data.trim() && EMOJI.test(data) ? "emoji" : "", render(data)) : make("code", "", plain({ data, encoding, type })));
  return el;
}

function stamp(className, time) {
  const el = make("time", className, hours.format(time));
  el.dateTime = time.toISOString();
  el.title = exact(time);
  return el;
}
