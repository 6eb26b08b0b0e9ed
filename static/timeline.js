// The timeline is what was said, in the order of the numbers it was given. Every
// entry knows its place by its ID alone, so it does not matter whether the
// stream, the history or the answer to a POST brought it, or in which order.

import { onlyEmoji, render } from "./text.js";

const GROUP = 5 * 60_000;

const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export class Timeline {
  member = "";

  #list;
  #scroller;
  #jump;
  #edge;
  #empty;
  #entries = []; // in order, those being sent at the end
  #byId = new Map();
  #bySending = new Map();
  #epochs = [];
  #stuck = true; // to the end, where one reads what comes
  #end = 0; // the scrollTop that the end had
  #missed = 0;

  constructor({ list, scroller, jump, edge, empty }) {
    this.#list = list;
    this.#scroller = scroller;
    this.#jump = jump;
    this.#edge = edge;
    this.#empty = empty;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    // Whatever makes the text taller or the window lower, who was at the end
    // stays there.
    const pin = new ResizeObserver(() => this.#stuck && this.#pin());
    pin.observe(list);
    pin.observe(scroller);
  }

  // add shows an event in its place and reports whether it is new.
  add(event) {
    if (event.id && this.#byId.has(event.id)) return false;
    const entry = this.#entryOf(event);
    this.#insert(entry);
    if (!this.#stuck && !entry.own) this.#count(this.#missed + 1);
    return true;
  }

  // sending shows a message of one's own before the server has it.
  sending(item) {
    const entry = this.#entryOf({ event: "message", data: item.text, time: new Date(item.at).toISOString() }, true);
    Object.assign(entry, { sending: true, epoch: Infinity, rank: Infinity });
    this.#bySending.set(item, entry);
    this.#insert(entry);
    this.#mark(entry, "sending", "Sending");
  }

  kept(item, { id, time }) {
    const entry = this.#bySending.get(item);
    this.#bySending.delete(item);
    this.#remove(entry);
    // The history may have told it already.
    if (this.#byId.has(id)) return;
    Object.assign(entry, this.#place(id), { id, time: new Date(time), sending: false });
    this.#insert(entry);
    this.#mark(entry, "kept", "Kept");
  }

  failed(item, why, { again, discard }) {
    const entry = this.#bySending.get(item);
    this.#mark(entry, "failed", "Not sent");
    const note = make("p", "failure", why);
    const leave = () => {
      this.#bySending.delete(item);
      this.#remove(entry);
    };
    note.append(
      button("retry", () => (leave(), again())),
      button("discard", () => (leave(), discard())),
    );
    entry.el.append(note);
  }

  gap({ from, to, reason }) {
    const known = (id) => this.#byId.get(id)?.time;
    let text;
    if (reason === "epoch") {
      text = "The server’s log was made anew: something may be missing here.";
    } else {
      const after = known(from) ?? this.#lastKept()?.time;
      text = after ? `Something said after ${clock.format(after)} is no longer kept.` : "What was said before is no longer kept.";
    }
    const el = make("li", "gap");
    el.append(make("span", "", text));
    const place = this.#place(to);
    // After all that the gap reaches over; in a new log, before everything.
    place.rank = reason === "epoch" ? -1 : place.rank + 0.5;
    this.#insert({ ...place, el, kind: "gap" });
  }

  erased({ ids = [], upto }) {
    const limit = upto && this.#place(upto);
    for (const entry of [...this.#entries]) {
      if (ids.includes(entry.id) || (limit && entry.id && compare(entry, limit) <= 0)) {
        this.#byId.delete(entry.id);
        this.#remove(entry);
      }
    }
  }

  // readHistory shows the newest page, and older ones as one scrolls up to them.
  async readHistory(read) {
    let before;
    let busy = false;
    const more = async () => {
      if (busy) return;
      busy = true;
      watch.unobserve(this.#edge);
      try {
        const page = await read(before);
        before = page.events[0]?.id ?? before;
        this.#above(() => {
          for (const event of page.events) if (!this.#byId.has(event.id)) this.#insert(this.#entryOf(event));
          this.#tell(page.more ? "…" : this.#entries.length ? "This is the beginning of what is kept." : "");
        });
        if (!page.more) this.#empty.hidden = this.#entries.length > 0;
        // Observed anew, so that a page that did not fill the window is followed by
        // the next.
        else watch.observe(this.#edge);
      } catch (err) {
        this.#tell(`What was said before could not be read: ${err.message} `);
        this.#edge.append(button("try again", more));
      }
      busy = false;
    };
    const watch = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && more(), {
      root: this.#scroller,
      rootMargin: "800px 0px 0px",
    });
    await more();
  }

  toEnd() {
    this.#stuck = true;
    this.#pin();
    this.#count(0);
  }

  nameOf({ from, name, user }) {
    if (from && from === this.member) return "You";
    return name || user || from?.slice(0, 6) || "unsigned";
  }

  // plain gives an event's payload in words.
  plain(event) {
    if (event.encoding === "base64") return `${event.type || "bytes"}, ${bytes(event.data)}`;
    return typeof event.data === "string" ? event.data : JSON.stringify(event.data);
  }

  #tell(text) {
    this.#edge.textContent = text;
    this.#edge.hidden = text === "";
  }

  // The text that one is reading stays where it is when something comes above it.
  // It is the lower edge of an entry that is kept: its upper part changes when it
  // no longer is the first of its day or its group.
  #above(change) {
    const first = this.#entries[0]?.el;
    const was = first?.getBoundingClientRect().bottom;
    // Whoever scrolled up in this very frame is not at the end any more, and the
    // event that says so is still to come.
    const atEnd = this.#stuck && this.#scroller.scrollTop >= this.#end - 1;
    change();
    if (atEnd) this.#pin();
    else if (first) this.#scroller.scrollTop += first.getBoundingClientRect().bottom - was;
  }

  #lastKept() {
    return this.#entries.findLast((entry) => entry.id);
  }

  #place(id) {
    const dash = id.lastIndexOf("-");
    const name = id.slice(0, dash);
    if (!this.#epochs.includes(name)) this.#epochs.push(name);
    return { epoch: this.#epochs.indexOf(name), rank: Number(id.slice(dash + 1)) };
  }

  // What has no number stands after what was there when it came.
  #placeNow() {
    const last = this.#entries.findLast((entry) => !entry.sending);
    return last ? { epoch: last.epoch, rank: last.rank } : { epoch: Math.max(0, this.#epochs.length - 1), rank: -1 };
  }

  #insert(entry) {
    let i = this.#entries.length;
    while (i > 0 && compare(this.#entries[i - 1], entry) > 0) i--;
    this.#entries.splice(i, 0, entry);
    this.#list.insertBefore(entry.el, this.#entries[i + 1]?.el ?? null);
    if (entry.id) this.#byId.set(entry.id, entry);
    this.#dress(i);
    this.#dress(i + 1);
    this.#empty.hidden = true;
  }

  #forget(entry) {
    const i = this.#entries.indexOf(entry);
    if (i < 0) return;
    this.#entries.splice(i, 1);
    this.#dress(i);
  }

  #remove(entry) {
    entry.el.remove();
    this.#forget(entry);
  }

  // dress gives an entry what depends on the one before it: the day, and the head
  // of a group.
  #dress(i) {
    const entry = this.#entries[i];
    if (!entry || entry.kind === "gap") return;
    const before = this.#entries.slice(0, i).findLast((other) => other.kind !== "gap");
    const neighbour = this.#entries[i - 1];
    const newDay = !before || before.time.toDateString() !== entry.time.toDateString();
    const head = newDay || neighbour !== before || before.who !== entry.who || entry.time - before.time > GROUP;
    entry.el.classList.toggle("head", head);
    entry.el.querySelector(".day")?.remove();
    if (newDay) entry.el.prepend(divider(entry.time));
  }

  // One's own name may not be known yet when one's first words are shown.
  #entryOf(event, own = Boolean(event.from) && event.from === this.member) {
    const time = new Date(event.time);
    const who = own ? "" : JSON.stringify([event.from, event.name]);
    const name = own ? "You" : this.nameOf(event);
    const el = make("li", "entry");
    el.classList.toggle("own", own);
    const avatar = make("span", "avatar", own ? "you" : initials(event));
    avatar.ariaHidden = "true";
    if (!own) avatar.title = event.from ? `member ${event.from}` : "sent without a connection ID";
    if (!own && event.from) avatar.style.setProperty("--hue", hue(event.from));
    else avatar.classList.add("none");
    const head = make("p", "by");
    const by = make("b", "", name);
    by.dir = "auto";
    head.append(by, stamp(time));
    if (event.to) head.append(make("span", "chip", event.to.some((t) => t[0] === "@") ? "private" : `to ${event.to.join(", ")}`));
    const side = stamp(time);
    side.classList.add("side");
    el.append(avatar, side, head, this.#body(event));
    return { el, id: event.id, time, who, own, kind: "message", ...(event.id ? this.#place(event.id) : this.#placeNow()) };
  }

  #body(event) {
    const body = make("div", "body");
    body.dir = "auto";
    if (event.event !== "message") body.append(make("span", "chip", event.event));
    if (typeof event.data === "string" && !event.encoding) {
      const text = make("span", "text");
      text.append(render(event.data));
      if (onlyEmoji(event.data)) text.classList.add("emoji");
      body.append(text);
    } else {
      body.append(make("code", "", this.plain(event)));
    }
    return body;
  }

  #mark(entry, state, label) {
    let mark = entry.el.querySelector(".mark");
    if (!mark) {
      mark = make("span", "mark");
      mark.role = "img";
      entry.el.append(mark);
    }
    mark.dataset.state = state;
    mark.ariaLabel = mark.title = label;
  }

  #pin() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#end = this.#scroller.scrollTop;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#stuck = scrollHeight - scrollTop - clientHeight < 48;
    if (this.#stuck) this.#count(0);
    this.#jump.hidden = this.#stuck;
  }

  #count(missed) {
    this.#missed = missed;
    this.#jump.textContent = missed ? `${missed} new ↓` : "latest ↓";
    this.#jump.hidden = this.#stuck;
  }
}

const compare = (a, b) => (a.epoch ?? 0) - (b.epoch ?? 0) || a.rank - b.rank || 0;

function make(tag, className = "", text = "") {
  const el = document.createElement(tag);
  if (className) el.className = className;
  if (text) el.textContent = text;
  return el;
}

function button(text, fn) {
  const el = make("button", "plain", text);
  el.type = "button";
  el.addEventListener("click", fn);
  return el;
}

function stamp(time) {
  const el = make("time", "", clock.format(time));
  el.dateTime = time.toISOString();
  el.title = exact.format(time);
  return el;
}

function divider(time) {
  const now = new Date();
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  let text = (time.getFullYear() === now.getFullYear() ? day : dayAndYear).format(time);
  if (time.toDateString() === now.toDateString()) text = "Today";
  if (time.toDateString() === yesterday.toDateString()) text = "Yesterday";
  const el = make("div", "day");
  el.append(make("span", "", text));
  return el;
}

function initials({ name, user, from }) {
  return [...(name || user || from || "·")].slice(0, 2).join("").toUpperCase();
}

function hue(member) {
  let h = 0;
  for (const c of member) h = (h * 31 + c.charCodeAt(0)) >>> 0;
  return h % 360;
}

function bytes(base64) {
  const n = Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
  return n < 1024 ? `${n} bytes` : `${(n / 1024).toFixed(1)} KB`;
}
