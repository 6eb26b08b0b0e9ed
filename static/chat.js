// The chat: one connection, the places where one talks, and which of them is
// looked at. What is heard goes to where it belongs; what is typed goes out.

import { connect, Refusal } from "../parley.js";
import { decode, listenLine, parseRoom, roomsOf, roomURL, speakLine } from "./address.js";
import { complete, list as commands, read } from "./commands.js";
import { Composer, Typist } from "./composer.js";
import { $, browser, button, copyText, make, tab, words } from "./elements.js";
import { avatar, called, plain, several, speaker } from "./message.js";
import { askName, keepName, knownName, Outbox, Secrets, wrongName } from "./person.js";
import { Place, showPeople, showPlaces, Switcher } from "./places.js";
import { announce, Notices, showState } from "./signs.js";
import { watchMessages } from "./timeline.js";
import { Wire } from "./wire.js";

const AWAY = 24 * 3600_000; // ms within which a page that comes back asks for all that it missed
const SERVERS = ["hello", "rooms", "presence", "gap", "erased", "bye"];

export class Chat {
  places = new Map(); // by key, in the order they came
  directory = []; // rooms of the namespace
  current = null;
  name;

  #base;
  #namespace;
  #url;
  #connection;
  #outbox;
  #secrets;
  #notices = new Notices();
  #wire;
  #typist = new Typist((key, on) => this.#tellTyping(key, on));
  #composer;
  #switcher = new Switcher(this);
  #joining = new Set();
  #leaving = false;
  #soon = false;

  constructor({ base, namespace }) {
    this.#base = base;
    this.#namespace = namespace;
    this.#url = new URL(encodeURIComponent(namespace), base).href;
    this.#outbox = new Outbox(this.#url);
    // Where tabs can agree they are one member, known to the browser; else each is
    // somebody of its own.
    this.#secrets = new Secrets(navigator.locks ? browser : tab, this.#url);
    this.#wire = new Wire(base);
    this.#composer = new Composer({
      submit: (text) => this.#submit(text),
      complete: (text) => complete(this, text),
      types: (text) => this.#typist.types(this.current.key, text),
      up: () => this.current.timeline.last?.focus(),
    });
  }

  get member() {
    return this.#connection?.member ?? "";
  }

  // open begins, in the first of some rooms.
  async open([room, ...others]) {
    const seen = this.#get("read", {});
    // A stream has a hundred rooms at most.
    for (const key of [...new Set([room, ...others, ...this.#get("rooms", [])])].slice(0, 100)) this.#add(key).read = seen[key] ?? "";
    for (const [member, { name, read, events }] of this.#secrets.all()) {
      const place = this.#add(`@${member}`, name);
      place.read = read;
      for (const event of events) place.timeline.add(event);
      for (const { id, from } of events.slice(events.findIndex(({ id }) => id === read) + 1)) if (from === member) place.unread.add(id);
    }
    for (const { read, timeline } of this.places.values()) if (read) timeline.seen(read);
    this.#buttons();
    this.#look(this.#keyOf(location));
    this.#called(knownName() || (await askName()));
    this.#listen();
    this.#composer.focus();
  }

  #listen() {
    const last = this.#get("position");
    const connection = (this.#connection = connect({
      server: this.#base,
      namespace: this.#namespace,
      rooms: this.#rooms(),
      since: last && Date.now() - last.at < AWAY ? last.id : undefined,
      name: this.name,
      presence: true,
      shared: true,
    }));
    showState(connection);
    this.#wire.attach(connection);
    // The stream says where now is; the history then asked for reaches at least
    // that far, so that between the two nothing is missed. What both tell is shown
    // once.
    connection.once("hello", ({ member }) => {
      words($("sheet-you"), `You are the member ${member}.`);
      this.#called(this.name);
      for (const item of this.#outbox.restore(connection.connectionId)) this.#deliver(item);
      this.#readHistory(this.current);
      this.#countUnread();
      this.readDirectory();
    });
    connection.on("presence", (presence) => this.#presence(presence));
    connection.on("rooms", ({ rooms }) => this.#moved(rooms));
    connection.on("gap", (gap) => {
      for (const place of this.places.values()) if (gap.room ? gap.room === place.key : !place.private) place.timeline.gap(gap);
    });
    connection.on("erased", (erased) => {
      const place = this.places.get(erased.room);
      place?.timeline.erased(erased);
      for (const id of erased.ids ?? []) place?.unread.delete(id);
      this.#render();
    });
    connection.on(null, (event, block) => SERVERS.includes(block.event) || this.#hear(event));
    setInterval(() => this.#keepPlace(), 10_000);
    setInterval(() => this.#render(), 2000); // who has stopped typing says nothing
  }

  // hear takes an event to every place that it belongs to.
  #hear(event) {
    const own = event.from === this.member;
    const typing = event.event === "typing" && !event.id;
    for (const key of this.#belongs(event)) {
      const place = this.places.get(key) ?? (typing ? null : this.#add(key, own ? undefined : event.name));
      if (!own) place?.types(event, typing && event.data !== false);
      if (typing) continue;
      if (!own && place.private) place.name = event.name || place.name;
      if (place.private && event.id) this.#secrets.add(place, event);
      if (place.timeline.add(event) && !own) this.#news(place, event);
    }
    this.#render();
  }

  #belongs({ room, to = [room], from }) {
    const keys = new Set();
    for (const target of to) {
      if (target === "*") for (const name of this.#rooms()) keys.add(name);
      else if (target[0] !== "@") this.places.has(target) && keys.add(target);
      else if (from === this.member) keys.add(target);
      else if (target === `@${this.member}`) keys.add(from ? `@${from}` : this.current.key);
    }
    return keys;
  }

  #news(place, event) {
    const looking = place === this.current && !document.hidden;
    if (looking && place.timeline.atEnd) this.#read(place);
    else if (event.id) place.unread.add(event.id);
    this.#notices.news({
      place,
      name: speaker(event),
      text: plain(event),
      away: !looking || !document.hasFocus(),
      aloud: place === this.current && this.#connection.state === "live",
      open: () => this.go(place.key),
    });
  }

  // read says that all of a place was seen.
  #read(place) {
    if (document.hidden || !place.timeline.atEnd) return;
    place.unread.clear();
    const id = place.timeline.lastId;
    if (!id || id === place.read) return;
    place.read = id;
    if (place.private) this.#secrets.read(place.member, id);
    else this.#set("read", { ...this.#get("read", {}), [place.key]: id });
  }

  async #countUnread() {
    for (const place of [...this.places.values()]) {
      if (place.private || place === this.current || !place.read) continue;
      // It is a number beside a name; the room itself will say what is wrong.
      const page = await this.#connection.history({ room: place.key, after: place.read, limit: 100 }).catch(() => null);
      for (const { id, from } of page?.events ?? []) if (from !== this.member) place.unread.add(id);
    }
    this.#render();
  }

  #presence(presence) {
    const place = this.places.get(presence.room);
    if (!place) return;
    const { joined, left, changed } = place.presence(presence);
    for (const people of [joined, left]) people.delete(this.member);
    if (joined.size + left.size) place.timeline.comings(joined, left);
    changed.delete(this.member);
    for (const [id, [was, is]] of changed) {
      place.timeline.remark(make("bdi", "", was), " is now ", make("bdi", "", is));
      const talk = this.places.get(`@${id}`);
      if (talk) talk.name = is;
    }
    // Another tab may have changed it.
    const name = place.members.get(this.member)?.name;
    if (name && name !== this.name) this.#called(name);
    this.#render();
  }

  // moved follows what others did with one's rooms: back ends, and other tabs.
  #moved(rooms) {
    for (const room of rooms) if (!this.places.has(room)) this.#add(room);
    for (const room of this.#rooms()) {
      if (rooms.includes(room) || this.#joining.has(room)) continue;
      if (this.places.get(room) === this.current) this.current.timeline.note("You are not in this room any more.");
      else this.#drop(room);
    }
    this.#render();
  }

  // Sending

  #submit(text) {
    const { say, run } = read(text);
    if (say !== undefined) return this.say(say);
    this.#typist.sent();
    const trouble = run(this);
    return typeof trouble === "string" ? trouble : undefined;
  }

  say(text) {
    this.#typist.sent();
    this.current.timeline.caughtUp();
    this.#deliver(this.#outbox.add(this.current.key, text));
    this.current.timeline.toEnd();
  }

  // One message on its way: shown at once, marked as kept when the server has it,
  // repeated under the same key so that it is kept once.
  async #deliver(item) {
    const { key, to, text, at, begun } = item;
    const place = this.places.get(to) ?? this.#add(to);
    const { timeline } = place;
    const target = place.private ? { to: [to] } : { room: to };
    const event = { from: this.member, name: this.name, event: "message", data: text, time: new Date(at).toISOString(), ...target };
    timeline.sending(item, event);
    try {
      const receipt = await this.#connection.send(to, text, { key, begun });
      this.#outbox.drop(item);
      timeline.kept(item, receipt);
      if (place.private) this.#secrets.add(place, { ...event, ...receipt });
    } catch (err) {
      if (this.#leaving) return;
      const refused = err instanceof Refusal;
      timeline.failed(item, refused ? `Not sent: ${err.message}` : "It is not known whether this was kept.", {
        retry: () => {
          if (!refused) this.#outbox.rekey(item);
          delete item.begun;
          this.#deliver(item);
        },
        discard: () => this.#outbox.drop(item),
      });
    }
  }

  #tellTyping(key, on) {
    if (this.#connection?.connected) this.#connection.send(key, on, { event: "typing", volatile: true }).catch(() => {});
  }

  // Going places

  // go looks at a place; one's own, or privately at a member.
  go(key, name) {
    if (!this.places.has(key)) this.#add(key, name);
    if (this.places.get(key) !== this.current) {
      history.pushState(null, "", this.address(key));
      this.#look(key);
    }
    closeDrawers();
    this.#composer.focus();
  }

  // join goes into a room, and says what is wrong with its name, if anything.
  join(name) {
    const { room, namespace, trouble } = parseRoom(name, this.#namespace);
    if (trouble) return trouble;
    if (namespace !== this.#namespace) return void location.assign(roomURL(this.#base, namespace, room));
    if (!this.places.has(room)) {
      this.#add(room);
      this.#joining.add(room);
      this.#connection
        .join(room)
        .catch((err) => this.places.get(room)?.timeline.note(`Not joined: ${err.message}.`))
        .finally(() => this.#joining.delete(room));
    }
    this.go(room);
  }

  leave(key) {
    if (key[0] === "@") this.#secrets.forget(key.slice(1));
    else this.#connection?.leave(key).catch(() => {});
    this.#drop(key);
    this.#render();
  }

  address(key) {
    const [room, hash] = key[0] === "@" ? [this.#rooms()[0] ?? "lobby", `#${key}`] : [key, ""];
    return roomURL(this.#base, this.#namespace, room) + hash;
  }

  #keyOf(address) {
    const key = decode(address.hash.slice(1));
    return key[0] === "@" && this.places.has(key) ? key : roomsOf(this.#base, address).rooms[0];
  }

  #rooms() {
    return [...this.places.keys()].filter((key) => key[0] !== "@");
  }

  #add(key, name = this.people().get(key.slice(1))?.name) {
    const place = new Place(key, { own: () => this.member, first: (place) => this.#firstWords(place), name });
    this.places.set(key, place);
    place.timeline.onMove = () => this.#scrolled(place);
    $("stage").append(place.timeline.el);
    this.#set("rooms", this.#rooms());
    return place;
  }

  #drop(key) {
    const place = this.places.get(key);
    this.places.delete(key);
    place.timeline.el.remove();
    this.#set("rooms", this.#rooms());
    if (place !== this.current) return;
    const [next] = [...this.#rooms(), ...this.places.keys()];
    if (next) this.go(next);
    else location.assign(this.#url);
  }

  // look shows a place.
  #look(key) {
    const place = this.places.get(key);
    const left = this.current;
    if (left) {
      left.draft = this.#composer.value;
      this.#typist.rests();
      this.#read(left);
      left.timeline.seen(left.read || undefined);
      left.timeline.hide();
    }
    this.current = place;
    this.#composer.value = place.draft;
    this.#label(place);
    place.timeline.show();
    if (place.opened || place.private) place.timeline.back();
    if (this.#connection?.position) this.#readHistory(place);
    this.#read(place);
    this.#render();
  }

  #label(place) {
    const { key, label } = place;
    document.body.classList.toggle("private", place.private);
    this.#composer.placeholder = place.private ? `Only ${label} will see this` : `Message ${label}`;
    for (const id of ["share", "menu-share", "terminal"]) $(id).hidden = place.private;
    if (place.private) return;
    const url = roomURL(this.#base, this.#namespace, key);
    words($("sheet-text"), listenLine(url, "?format=text"));
    words($("sheet-sse"), listenLine(url));
    words($("sheet-speak"), speakLine(url, "hello"));
  }

  async #readHistory(place) {
    if (place.opened || place.private) return;
    place.opened = true;
    await place.timeline.readHistory((page) => this.#connection.history({ room: place.key, ...page }));
    place.timeline.back();
    if (place === this.current) this.#read(place);
  }

  #scrolled(place) {
    const { atEnd, missed } = place.timeline;
    $("jump").hidden = atEnd;
    words($("jump"), missed ? `${missed} new ↓` : "latest ↓");
    this.#read(place);
    this.#render();
  }

  // What the commands and the columns ask for

  // people gives everyone who is known to be in one's rooms, but oneself.
  people() {
    const all = new Map([...this.places.values()].flatMap((place) => [...place.members]));
    all.delete(this.member);
    return all;
  }

  // pair gives the two of a private conversation that are there.
  pair(place) {
    const other = this.people().get(place.member);
    return [{ id: this.member, name: this.name }, ...(other ? [other] : [])];
  }

  async readDirectory() {
    // One can go to a room without having been told of it.
    const page = await this.#connection.listRooms({ limit: 200 }).catch(() => null);
    this.directory = page?.rooms ?? this.directory;
  }

  rename(name) {
    const trouble = wrongName(name);
    if (trouble) return trouble;
    this.#connection.describe({ name }).then(
      () => this.#called(name),
      (err) => this.current.timeline.note(`Your name is the same: ${err.message}.`),
    );
  }

  async askName() {
    const name = await askName(this.name);
    if (name !== this.name) this.rename(name);
    this.#composer.focus();
  }

  #called(name) {
    this.name = name;
    keepName(name);
    $("me").replaceChildren(avatar(this.member, name), make("bdi", "", name), make("span", "quiet", "you"));
  }

  who() {
    const names = [...this.current.members.values()].map(called);
    this.current.timeline.note(...(names.length ? ["Here: ", ...several(names, Infinity)] : ["Nobody is known to be here."]));
  }

  // clear empties the view of a room; what was said privately is kept nowhere else and
  // is gone.
  clear() {
    this.current.timeline.clear();
    if (this.current.private) this.#secrets.forget(this.current.member);
  }

  switch() {
    closeDrawers();
    this.#switcher.open();
  }

  terminal() {
    $("sheet").showModal();
  }

  help() {
    $("help").showModal();
  }

  // The rest of the page

  #buttons() {
    const on = (id, fn, event = "click") => $(id).addEventListener(event, fn);
    on("jump", () => this.current.timeline.toEnd());
    on("add-room", () => this.switch());
    on("me", () => (closeDrawers(), this.askName()));
    on("menu-help", () => this.help());
    on("terminal", () => this.terminal());
    for (const id of ["share", "menu-share"]) on(id, () => this.#share());
    on("menu", ({ target }) => target.closest("button") && $("menu").hidePopover());
    for (const id of ["sheet", "help", "switcher"]) {
      on(id, ({ target }) => target === $(id) && $(id).close());
      on(id, () => document.activeElement === document.body && this.#composer.focus(), "close");
    }
    $("help-commands").append(...commands.flatMap(({ value, args, what }) => [make("dt", "", make("code", "", value + args)), make("dd", "", what)]));
    watchMessages($("stage"), {
      erase: (entry) => this.#erase(entry),
      answer: ({ from, name }) => this.go(`@${from}`, name),
      leave: () => this.#composer.focus(),
    });

    addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        this.switch();
      } else if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open], :popover-open")) {
        if ($("wire").contains(document.activeElement)) this.#wire.toggle(false);
        else this.current.timeline.toEnd();
      }
    });
    addEventListener("popstate", () => {
      const key = this.#keyOf(location);
      if (this.places.has(key)) this.#look(key);
      else this.join(key);
    });
    document.addEventListener("visibilitychange", () => {
      const { timeline, read } = this.current;
      if (document.hidden) {
        timeline.seen(read || undefined);
        this.#keepPlace();
      } else {
        timeline.back();
        this.#read(this.current);
      }
      this.#render();
    });
    // A drawer of a phone has no business on a desktop.
    matchMedia("(min-width: 60em)").addEventListener("change", closeDrawers);
    addEventListener("pagehide", () => {
      this.#leaving = true;
      this.#keepPlace();
      this.#connection?.close();
    });
  }

  // keepPlace lets the next page of this browser go on from here.
  #keepPlace() {
    const id = this.#connection?.position;
    if (id) this.#set("position", { id, at: Date.now() });
  }

  #get(what, otherwise) {
    return browser.get(`${what} ${this.#url}`, otherwise);
  }

  #set(what, value) {
    browser.set(`${what} ${this.#url}`, value);
  }

  async #erase({ id, event: { room } }) {
    try {
      await this.#connection.request("DELETE", `/-/history/${id}`, { room });
      this.places.get(room)?.timeline.erased({ ids: [id] });
      this.#composer.focus();
    } catch (err) {
      this.current.timeline.note(`Not deleted: ${err.message}.`);
    }
  }

  async #share() {
    const url = this.address(this.current.key);
    if (matchMedia("(pointer: coarse)").matches && navigator.share) return navigator.share({ url }).catch(() => {});
    const done = await copyText(url, $("share"));
    announce(done ? "Address copied" : "The address could not be copied");
  }

  #firstWords(place) {
    if (place.private) {
      return [make("p", "", "Between the two of you."), make("p", "", "Only you and ", make("bdi", "", place.label), " see this. It is kept in this browser.")];
    }
    const line = listenLine(roomURL(this.#base, this.#namespace, place.key), "?format=text");
    const copy = button("copy", "copy", () => copyText(line, copy));
    return [
      make("p", "", "Nothing was said here yet."),
      make("p", "", "Say the first word, give this page’s address to a friend, or join from a terminal:"),
      make("pre", "line", make("code", "", line), copy),
    ];
  }

  // render brings the columns, the line of those who type and the title up to date,
  // once for all that happens in a turn.
  #render() {
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      showPlaces(this);
      showPeople(this);
      words($("place-room"), this.current.label);
      const unread = [...this.places.values()].reduce((n, place) => n + place.unread.size, 0);
      document.title = `${unread ? `(${unread > 99 ? "99+" : unread}) ` : ""}${this.current.label} · Parley`;
    });
  }
}

function closeDrawers() {
  for (const id of ["rooms", "people"]) if ($(id).matches(":popover-open")) $(id).hidePopover();
}
