// The timeline is what was said in one place, in the order of the numbers it was
// given. Every entry knows its place by its ID alone, so it does not matter
// whether the stream, the history or the answer to a POST brought it, or in which
// order. Between the messages stand lines: days, comings, gaps, what is new.

import { button, copyText, icon, make, words } from "./elements.js";
import { exact, Message, messageOf, moment, plain, sameDay, several } from "./message.js";

const GROUP = 5 * 60_000; // ms within which one speaker, or one line of comings, goes on
const PAGE = 100;
const MOST = 6000; // entries kept in the document; what is older is read again when scrolled to
const CHUNK = 50; // entries that are drawn, or not drawn, together
const NEAR = 48; // px from the end that still count as being there

export class Timeline {
  el; // what is scrolled
  missed = 0; // messages of others that came below while one was reading above
  atEnd = true; // where one reads what comes
  onMove = () => {}; // called when missed or atEnd may have changed

  #own;
  #list = make("div", "timeline"); // of chunks
  #edge = make("p", "edge");
  #empty;
  #entries = []; // in order, those being sent at the end
  #byId = new Map();
  #bySending = new Map();
  #epochs = [];
  #end = 0; // the scrollTop that the end had
  #top = 0; // the scrollTop that was left
  #width = 0;
  #eye = null; // the element that is read, and where it stood
  #mark = null; // the place up to which everything was seen
  #new = null; // the line there
  #read = null; // the history, where there is one
  #before; // the oldest ID that the history was read to
  #watch;
  #busy = false;

  // own tells which events are one's own; empty is shown where nothing was said.
  constructor({ label, own, empty }) {
    this.#own = own;
    this.#empty = empty;
    this.#edge.hidden = empty.hidden = true;
    const el = (this.el = make("div", "scroller", make("div", "column", this.#edge, empty, this.#list)));
    el.tabIndex = 0;
    el.role = "region";
    el.ariaLabel = label;
    el.hidden = true;
    el.addEventListener("scroll", () => !el.hidden && this.#scrolled(), { passive: true });
    el.addEventListener("scrollend", () => this.#look());
    // Whatever makes the text taller or the window lower, who was at the end
    // stays there; and who was reading above goes on with the same line.
    const resized = new ResizeObserver(() => {
      if (el.clientWidth !== this.#width) this.#reflow();
      if (this.atEnd) this.#pin();
    });
    resized.observe(this.#list);
    resized.observe(el);
  }

  // lastId gives the newest ID that is shown.
  get lastId() {
    return this.#entries.findLast((entry) => entry.id)?.id;
  }

  // last gives the element of the newest message.
  get last() {
    return this.#entries.findLast((entry) => entry.time)?.el;
  }

  show() {
    this.el.hidden = false;
    if (this.atEnd) this.#pin();
    else this.el.scrollTop = this.#top;
    this.#toNew();
    this.#moved();
  }

  hide() {
    this.#top = this.el.scrollTop;
    this.el.hidden = true;
  }

  // seen says that one looks away, having seen everything up to now or to an ID: what
  // comes after it is new.
  seen(id = this.lastId) {
    this.caughtUp();
    this.#mark = id ? this.#place(id) : null;
  }

  // back says that one looks again: from now on nothing is new.
  back() {
    if (!this.#new) this.#mark = null;
  }

  // caughtUp takes the line away.
  caughtUp() {
    this.#mark = null;
    if (this.#new) this.#remove(this.#new);
    this.#new = null;
  }

  // add shows an event in its place and reports whether it is new.
  add(event) {
    if (event.id && this.#byId.has(event.id)) return false;
    const entry = this.#message(event);
    this.#insert(entry);
    if (!this.atEnd && !entry.own) {
      this.missed++;
      this.#moved();
    }
    this.#trim();
    return true;
  }

  // sending shows a message of one's own before the server has it.
  sending(item, event) {
    const entry = Object.assign(new Message(event, true), { sending: true, epoch: Infinity, rank: Infinity });
    this.#bySending.set(item, entry);
    this.#insert(entry);
    entry.mark("sending", "Sending");
  }

  kept(item, { id, time }) {
    const entry = this.#bySending.get(item);
    // The history may have told it already.
    if (!entry || this.#byId.has(id)) return void this.#sent(item);
    this.#bySending.delete(item);
    Object.assign(entry, this.#place(id), { id, time: new Date(time), sending: false });
    entry.mark("kept", "Kept");
    // It mostly stands where it belongs, and what is not moved keeps the focus.
    const i = this.#entries.lastIndexOf(entry);
    const [before, after] = [this.#entries[i - 1], this.#entries[i + 1]];
    if ((before && compare(before, entry) > 0) || (after && compare(entry, after) > 0)) {
      this.#remove(entry);
      return this.#insert(entry);
    }
    this.#byId.set(id, entry);
    this.#dress(i);
    this.#dressAfter(i);
  }

  // failed says why, and offers what one can do: texts and what they call.
  failed(item, why, choices) {
    const then = ([text, fn]) => [text, () => (this.#sent(item), fn())];
    this.#bySending.get(item)?.fail(why, Object.fromEntries(Object.entries(choices).map(then)));
  }

  gap({ to, reason }) {
    const gap = Object.assign(new Gap(reason), this.#place(to));
    // After all that the gap reaches over; in a new log, before everything.
    gap.rank = reason === "epoch" ? -1 : gap.rank + 0.5;
    this.#insert(gap);
  }

  erased({ ids = [], upto }) {
    const limit = upto && this.#place(upto);
    const gone = (entry) => entry.id && (ids.includes(entry.id) || (limit && compare(entry, limit) <= 0));
    for (const entry of this.#entries.filter(gone)) this.#remove(entry);
    this.#settle();
  }

  // comings tells who joined and left: maps of member to name.
  comings(joined, left) {
    const last = this.#entries.findLast((entry) => !entry.sending);
    if (last instanceof Comings && last.goesOn) {
      if (!last.add(joined, left)) this.#remove(last);
      return;
    }
    const line = Object.assign(new Comings(), this.#now());
    line.add(joined, left);
    this.#insert(line);
  }

  // remark puts a word of the page's own where the conversation is; note brings it
  // before the eyes, too.
  remark(...inside) {
    this.#insert({ el: make("li", "quiet-line", ...inside), ...this.#now() });
  }

  note(...inside) {
    this.remark(...inside);
    this.toEnd();
  }

  // clear empties what is shown; what is kept stays kept.
  clear() {
    for (const entry of this.#entries.filter((entry) => !entry.sending)) this.#remove(entry);
    this.toEnd();
  }

  // readHistory shows the newest page, and older ones as one scrolls up to them.
  async readHistory(read) {
    this.#read = read;
    this.#watch = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && this.#older(), {
      root: this.el,
      rootMargin: "1200px 0px 0px",
    });
    await this.#older();
    this.#toNew();
  }

  toEnd() {
    this.atEnd = true;
    this.missed = 0;
    this.#pin();
    this.#moved();
  }

  async #older() {
    if (this.#busy) return;
    this.#busy = true;
    this.#watch.unobserve(this.#edge);
    try {
      const { events, more } = await this.#read({ before: this.#before, limit: PAGE });
      this.#before = events[0]?.id ?? this.#before;
      this.#above(() => {
        for (const event of events) if (!this.#byId.has(event.id)) this.#insert(this.#message(event));
        this.#tell(more ? "…" : this.#entries.length ? "This is the beginning of what is kept." : "");
        this.#rest();
      });
      // Observed anew, so that a page that did not fill the window is followed by
      // the next.
      if (more) this.#watch.observe(this.#edge);
      this.#settle();
    } catch (err) {
      this.#tell(`What was said before could not be read: ${err.message} `);
      this.#edge.append(button("plain", "try again", () => this.#older()));
    }
    this.#busy = false;
  }

  // A room that is left open for days does not grow for ever.
  #trim() {
    if (!this.#read || !this.atEnd || this.#entries.length <= MOST) return;
    const from = this.#entries.findIndex((entry, i) => i >= MOST / 6 && entry.id);
    for (const entry of this.#entries.splice(0, from)) this.#drop(entry);
    this.#dress(0);
    this.#before = this.#entries[0].id;
    this.#tell("…");
    this.#watch.observe(this.#edge);
  }

  #tell(text) {
    words(this.#edge, text);
    this.#edge.hidden = text === "";
  }

  #settle() {
    this.#empty.hidden = this.#entries.length > 0 || this.#edge.textContent === "…";
  }

  // The text that one is reading stays where it is when something comes above it.
  // It is the lower edge of an entry that is kept: its upper part changes when it
  // no longer is the first of its day or its group.
  #above(change) {
    const first = this.#entries[0]?.el;
    const was = first?.getBoundingClientRect().bottom;
    // Whoever scrolled up in this very frame is not at the end any more, and the
    // event that says so is still to come.
    const atEnd = this.atEnd && this.el.scrollTop >= this.#end - 1;
    change();
    if (atEnd) this.#pin();
    else if (first) this.el.scrollTop += first.getBoundingClientRect().bottom - was;
  }

  #place(id) {
    const dash = id.lastIndexOf("-");
    const name = id.slice(0, dash);
    if (!this.#epochs.includes(name)) this.#epochs.push(name);
    return { epoch: this.#epochs.indexOf(name), rank: Number(id.slice(dash + 1)) };
  }

  // What has no number stands after what was there when it came.
  #now() {
    const { epoch, rank } = this.#entries.findLast((entry) => !entry.sending) ?? { epoch: Math.max(0, this.#epochs.length - 1), rank: -1 };
    return { epoch, rank };
  }

  #message(event) {
    const entry = new Message(event, Boolean(event.from) && this.#own(event));
    return Object.assign(entry, event.id ? this.#place(event.id) : this.#now());
  }

  #insert(entry) {
    let i = this.#entries.length;
    while (i > 0 && compare(this.#entries[i - 1], entry) > 0) i--;
    this.#entries.splice(i, 0, entry);
    this.#put(entry, this.#entries[i - 1], this.#entries[i + 1]);
    if (entry.id) this.#byId.set(entry.id, entry);
    this.#dress(i);
    this.#dressAfter(i);
    this.#empty.hidden = true;
    if (this.#mark && !this.#new && entry.time && !entry.own && compare(entry, this.#mark) > 0) {
      this.#new = { el: make("li", "new", make("span", "", "new since you left")), ...this.#mark };
      this.#new.rank += 0.5;
      this.#insert(this.#new);
    }
  }

  // put brings an entry into the document, beside its neighbours. What is far from
  // the window is not drawn, chunk by chunk: one by one that would cost more than
  // it saves.
  #put(entry, before, after) {
    const top = after && (after.top ?? after.el);
    const room = (chunk) => (chunk && chunk.childElementCount < CHUNK ? chunk : null);
    let chunk = top?.previousElementSibling ? top.parentElement : (room(before?.el.parentElement) ?? room(top?.parentElement));
    if (!chunk) {
      chunk = make("ol");
      this.#list.insertBefore(chunk, top?.parentElement ?? null);
      if (!after) this.#rest();
    }
    chunk.className = "";
    chunk.insertBefore(entry.el, top?.parentElement === chunk ? top : null);
  }

  #look() {
    const { left, top, width } = this.el.getBoundingClientRect();
    const el = document.elementFromPoint(left + width / 2, top + 1)?.closest(".timeline li");
    this.#eye = el ? { el, top: el.getBoundingClientRect().top } : null;
  }

  // Heights that were measured in another width are wrong.
  #reflow() {
    this.#width = this.el.clientWidth;
    for (const chunk of this.#list.children) chunk.className = "";
    this.#rest();
    if (this.#eye && !this.atEnd) this.el.scrollTop += this.#eye.el.getBoundingClientRect().top - this.#eye.top;
  }

  // rest lets every chunk but the last be left undrawn. Its height is measured before,
  // so that nothing jumps when it is drawn.
  #rest() {
    if (this.el.hidden) return;
    const awake = [...this.#list.querySelectorAll("ol:not(.far, :last-child)")];
    const heights = awake.map((chunk) => chunk.offsetHeight);
    awake.forEach((chunk, i) => {
      chunk.style.containIntrinsicHeight = `auto ${heights[i]}px`;
      chunk.className = "far";
    });
  }

  #drop(entry) {
    const chunk = entry.el.parentElement;
    entry.day?.(false);
    entry.el.remove();
    if (!chunk.firstElementChild) chunk.remove();
    this.#byId.delete(entry.id);
  }

  #remove(entry) {
    const i = this.#entries.lastIndexOf(entry);
    if (i < 0) return;
    this.#drop(entry);
    this.#entries.splice(i, 1);
    this.#dressAfter(i - 1);
  }

  // sent takes what was on its way out of the end of the list.
  #sent(item) {
    const entry = this.#bySending.get(item);
    this.#bySending.delete(item);
    if (entry) this.#remove(entry);
  }

  // nearest gives the index of a message from i on, in steps.
  #nearest(i, step) {
    while (this.#entries[i] && !this.#entries[i].time) i += step;
    return i;
  }

  #dressAfter(i) {
    this.#dress(this.#nearest(i + 1, 1));
    for (const j of [i - 1, i, i + 1]) {
      const gap = this.#entries[j];
      if (gap instanceof Gap) gap.tell(this.#entries[this.#nearest(j, -1)], this.#entries[this.#nearest(j, 1)]);
    }
  }

  // dress gives a message what depends on the one before it: the day, and the head
  // of a group.
  #dress(i) {
    const entry = this.#entries[i];
    if (!entry?.time) return;
    const j = this.#nearest(i - 1, -1);
    const before = this.#entries[j];
    const newDay = !before || !sameDay(before.time, entry.time);
    entry.day(newDay);
    entry.head(newDay || j !== i - 1 || before.who !== entry.who || entry.time - before.time > GROUP);
  }

  #pin() {
    this.el.scrollTop = this.el.scrollHeight;
    this.#end = this.el.scrollTop;
  }

  // Who comes back to more than a window full begins to read where they left.
  #toNew() {
    if (this.el.hidden || !this.#new || !this.atEnd) return;
    const over = this.el.getBoundingClientRect().top + 16 - this.#new.el.getBoundingClientRect().top;
    if (over <= 0) return;
    this.atEnd = false;
    this.el.scrollTop -= over;
    this.missed = this.#entries.slice(this.#entries.indexOf(this.#new)).filter((entry) => entry.time && !entry.own).length;
    this.#moved();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.el;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (atEnd === this.atEnd && !(atEnd && this.missed)) return;
    this.atEnd = atEnd;
    if (atEnd) this.missed = 0;
    this.#moved();
  }

  #moved() {
    if (!this.el.hidden) this.onMove();
  }
}

const compare = (a, b) => a.epoch - b.epoch || a.rank - b.rank || 0;

// Comings is one quiet line of who joined and left, however many they were. Who
// does both within it was never mentioned.
class Comings {
  el = make("li", "quiet-line");

  #joined = new Map();
  #left = new Map();
  #last = Date.now();

  get goesOn() {
    return Date.now() - this.#last < GROUP;
  }

  // add merges a change, member by member, and reports whether there is anything
  // left to say.
  add(joined, left) {
    this.#last = Date.now();
    for (const [id, name] of joined) if (!this.#left.delete(id)) this.#joined.set(id, name);
    for (const [id, name] of left) if (!this.#joined.delete(id)) this.#left.set(id, name);
    const parts = [[this.#joined, " joined"], [this.#left, " left"]].filter(([who]) => who.size > 0);
    this.el.replaceChildren(...parts.flatMap(([who, did], i) => [i ? " · " : "", ...several([...who.values()]), did]));
    return parts.length > 0;
  }
}

// A Gap tells what is no longer kept, by the times of what was said before and
// after it.
class Gap {
  #text = make("span");
  #reason;
  el = make("li", "gap", this.#text);

  constructor(reason) {
    this.#reason = reason;
  }

  tell(before, after) {
    const from = before && moment(before.time);
    const to = after && moment(after.time);
    const when = from && to && from !== to ? `between ${from} and ${to}` : from ? `after ${from}` : to ? `before ${to}` : "from before";
    const why = this.#reason === "epoch" ? "may be missing: the server’s log was made anew" : "are no longer kept";
    this.#text.textContent = `Events ${when} ${why}.`;
  }
}

// watchMessages puts a small bar on whichever message inside stage the pointer or
// the focus is on, and lets the arrow keys walk from one to the next. There is one
// bar, so that thousands of messages do not each carry their own. leave is called
// when one walks off the end, or Escape.
export function watchMessages(stage, { erase, answer, leave }) {
  let entry = null;
  const when = make("span", "quiet");
  const copy = button("tool", icon("copy"), () => copyText(plain(entry.event), copy), "Copy this message");
  const secret = button("tool", icon("lock"), () => answer(entry.event), "Answer privately");
  const gone = button("tool", icon("close"), () => erase(entry), "Delete this message");
  const bar = make("div", "actions", when, copy, secret, gone);

  const come = (el) => {
    const next = messageOf.get(el);
    if (!next || next.sending || next === entry) return;
    entry = next;
    when.textContent = exact(entry.time);
    const { from, room } = entry.event;
    secret.hidden = entry.own || !from || !room;
    gone.hidden = !entry.own || !entry.id || !room;
    el.append(bar);
  };
  const go = () => {
    if (bar.contains(document.activeElement)) return;
    entry = null;
    bar.remove();
  };
  const over = ({ target }) => (target.closest(".entry") ? come(target.closest(".entry")) : go());
  stage.addEventListener("pointerover", over);
  stage.addEventListener("pointerleave", go);
  stage.addEventListener("focusin", over);

  stage.addEventListener("keydown", (event) => {
    let el = event.target.closest(".entry");
    if (!el || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    if (!step && event.key !== "Escape") return;
    event.preventDefault();
    // The next may be in another chunk.
    const end = step === "previousElementSibling" ? "lastElementChild" : "firstElementChild";
    if (step) do el = el[step] ?? el.parentElement[step]?.[end];
    while (el && !messageOf.has(el));
    if (step && el) el.focus();
    else if (event.key !== "ArrowUp") leave();
  });
}
