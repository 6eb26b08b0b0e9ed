// Parley's client; parley.d.ts says what each call promises. Times are in ms.

const FIRST_WORD = 5000; // until hello, or another way is tried
const POLLING = 600_000; // until a stream is tried again
const KEY_LIFE = 540_000; // the server knows a key for ten minutes
const LONGEST_WAIT = 30_000;
const AGAIN = new Error();
const SILENT = new Error("the stream was silent");
const UNKNOWN = "it is not known whether this was kept";
const ME = "/-/members/me";
const JSON_BODY = { Accept: "application/json", "Content-Type": "application/json" };

export class Parser {
  #decoder = new TextDecoder();
  #tail = "";
  #afterCR;
  #event;
  #data = null;
  #id;
  #onBlock;
  #onRetry;

  constructor(onBlock, onRetry = () => {}, lastEventId = "") {
    this.#onBlock = onBlock;
    this.#onRetry = onRetry;
    this.#id = lastEventId;
  }

  push(bytes) {
    let chunk = this.#decoder.decode(bytes, { stream: true });
    if (!chunk) return;
    if (this.#afterCR) chunk = chunk.replace(/^\n/, "");
    this.#afterCR = chunk.endsWith("\r");
    const lines = (this.#tail + chunk).split(/\r\n?|\n/);
    this.#tail = lines.pop();
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (!line) {
      const block = { id: this.#id, event: this.#event || "message", data: this.#data };
      this.#event = "";
      this.#data = null;
      return this.#onBlock(block);
    }
    const [, field, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line);
    if (field === "data") this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#onRetry(Number(value));
  }
}

export class Refusal extends Error {
  constructor({ status, headers }, { code = "", detail, title }) {
    super(detail || title || `the server answered ${status}`);
    Object.assign(this, { name: "Refusal", status, code, wait: headers.get("Retry-After") * 1000 || 0 });
  }
}

const list = (v) => [v ?? []].flat();

const without = (all, ...gone) => all.filter((one) => !gone.includes(one));

const parse = (text) => {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
};

const random = () => Array.from(crypto.getRandomValues(new Uint8Array(26)), (b) => (b & 31).toString(32)).join("");

const root = (server) => {
  const here = globalThis.document?.baseURI;
  const url = new URL(server ?? here, here);
  return new URL(url.pathname.replace(/\/?$/, "/"), url);
};

const locks = globalThis.navigator?.locks;

// A reload frees it in a moment, a duplicated tab never.
const hold = (lock) =>
  new Promise((done) => {
    const forever = () => (done(true), new Promise(() => {}));
    locks.request(lock, { signal: AbortSignal.timeout(1000) }, forever).catch(() => done(false));
  });

const claim = async (slot) => {
  let id = random();
  try {
    id = sessionStorage[slot] ?? id;
    const put = () => (sessionStorage[slot] = id);
    const take = () => sessionStorage.removeItem(slot);
    if (locks) {
      if (!(await hold(slot + id))) await hold(slot + (id = random()));
      put();
    } else {
      // A copy of the tab then copies none.
      take();
      addEventListener("pagehide", put);
      addEventListener("pageshow", take);
    }
  } catch {} // no store
  return id;
};

const claimed = {};

export const identity = (server) => {
  const slot = "parley " + root(server);
  return (claimed[slot] ??= claim(slot));
};

const payload = (data) => {
  const text = typeof data === "string";
  const bytes = data instanceof Blob || data instanceof ArrayBuffer || ArrayBuffer.isView(data);
  const body = text || bytes ? data : JSON.stringify(data);
  if (body === undefined) throw new TypeError("this is no JSON");
  const type = text ? "text/plain;charset=utf-8" : bytes ? data.type || "application/octet-stream" : "application/json";
  return { method: "POST", body, headers: { ...JSON_BODY, "Content-Type": type } };
};

// Of another epoch is newer.
const newer = (a, b) => a.split("-")[0] !== b.split("-")[0] || a.length > b.length || (a.length === b.length && a > b);

const passing = ({ status, code }) => [408, 425, 429, 502, 503, 504].includes(status) || code === "no-stream";

const backoff = (first, n) => Math.min(LONGEST_WAIT, Math.max(first, 500) * 2 ** (n - 1)) * (0.75 + Math.random() / 2);

const report = globalThis.reportError ?? ((err) => console.error(err));

const add = (set, fn) => {
  set.add(fn);
  return () => set.delete(fn);
};

class Chain {
  #c;
  #o;

  constructor(connection, options = {}) {
    this.#c = connection ?? this;
    this.#o = options;
  }

  #with(options) {
    return new Chain(this.#c, { ...this.#o, ...options });
  }

  to(...targets) {
    return this.#with({ to: [this.#o.to ?? [], targets].flat(2) });
  }

  except(...targets) {
    return this.#with({ except: [this.#o.except ?? [], targets].flat(2) });
  }

  timeout(timeout) {
    return this.#with({ timeout });
  }

  ttl(ttl) {
    return this.#with({ ttl });
  }

  get volatile() {
    return this.#with({ volatile: true });
  }

  get echo() {
    return this.#with({ echo: true });
  }

  emit(event, data, done) {
    if (!done) return this.#c.send(this.#o.to ?? this.#c.rooms, data, { ...this.#o, event });
    const sent = this.emitWithAck(event, data);
    sent.then((acks) => done(acks.complete ? null : new Error(acks.missing.length + " did not answer"), acks), done);
    return sent;
  }

  emitWithAck(event, data) {
    return this.#with({ ack: this.#o.timeout ?? 5000 }).emit(event, data);
  }
}

class Connection extends Chain {
  state = "connecting";
  connectionId = "";
  member = "";
  position = "";
  recovered = false;
  rooms;
  outbox = [];

  #o;
  #base;
  #self;
  #mine; // rooms asked for here
  #all; // rooms of the member
  #known;
  #life = new AbortController();
  #cut; // ends the stream
  #way = 0; // 0 fetch, 1 EventSource, 2 polls
  #from = "";
  #hello;
  #retry = 2000;
  #failures = 0;
  #down = false;
  #heartbeat;
  #heard;
  #patience;
  #greeted;
  #listeners = new Map();
  #watchers = new Set();
  #taps = new Set();
  #queue = Promise.resolve();
  #wake = new Set();
  #idle;
  #source;

  #channel; // to the other tabs
  #tab = random();
  #tabs = new Map(); // their rooms
  #leads = true;
  #asked = true;

  constructor(options) {
    super();
    const { name, data, rooms, namespace, server } = (this.#o = options);
    this.#self = { name, data };
    this.#mine = this.#all = this.rooms = list(rooms);
    this.#base = root(server) + encodeURIComponent(namespace);
    for (const event of ["online", "offline", "visibilitychange"]) globalThis.addEventListener?.(event, this.#nudge, this.#life);
    this.#known = this.#identify();
    this.#start();
  }

  get id() {
    return this.member;
  }

  get connected() {
    return ["live", "catching-up", "polling"].includes(this.state);
  }

  get pending() {
    return this.outbox.length;
  }

  on(event, fn) {
    if (!this.#listeners.has(event)) {
      this.#listeners.set(event, new Set());
      this.#source?.(event);
    }
    return add(this.#listeners.get(event), fn);
  }

  once(event, fn) {
    const first = (...all) => (off(), fn(...all));
    first.of = fn;
    const off = this.on(event, first);
    return off;
  }

  off(event, fn) {
    const all = this.#listeners.get(event);
    for (const one of all ?? []) if (!fn || one === fn || one.of === fn) all.delete(one);
  }

  watch(fn) {
    return add(this.#watchers, fn);
  }

  tap(fn) {
    return add(this.#taps, fn);
  }

  close() {
    this.#leads = false; // the other tabs go on
    this.#end();
  }

  disconnect() {
    if (!this.#channel) this.#fetch({ method: "DELETE", url: this.#url(ME) }, { keepalive: true }).catch(() => {});
    this.close();
  }

  reconnect() {
    if (!this.#leads) return this.#post({ wake: 1 });
    if (this.state === "waiting") this.#ring();
    if (Date.now() - this.#heard > this.#heartbeat * 1300) this.#cut.abort(AGAIN);
  }

  send(to, data = null, options = {}) {
    let { key = random(), event, except, ttl, echo, volatile, ack, timeout } = options;
    const url = this.#url("", { to, except, event, ttl, echo, volatile, ack: ack && ack + "ms" });
    const job = { event: "message", ...options, key, to: list(to), data, at: Date.now(), url, ...payload(data) };
    let sent;
    if (volatile) sent = this.connected ? this.#request(job) : Promise.resolve(null);
    else if (this.pending >= (this.#o.maxPending ?? 1000)) sent = Promise.reject(new Error("the outbox is full"));
    else {
      job.headers["Idempotency-Key"] = key;
      this.outbox = [...this.outbox, job];
      const cut = new AbortController();
      const late = () => {
        if (ack && job.begun) (ack = 0), (timer = setTimeout(late, timeout + 5000));
        else cut.abort(new DOMException(job.begun ? UNKNOWN : "it was not sent in time", "TimeoutError"));
      };
      let timer = timeout && setTimeout(late, timeout);
      sent = new Promise((done, fail) => {
        cut.signal.onabort = () => fail(cut.signal.reason);
        this.#inTurn((next) => this.#request(job, cut.signal, next)).then(done, fail);
      }).finally(() => {
        clearTimeout(timer);
        this.outbox = without(this.outbox, job);
      });
    }
    sent = sent.then((receipt) => (receipt && this.#tellOthers(job, receipt), receipt));
    return Object.assign(sent, { key });
  }

  async reply({ ack }, data = null) {
    try {
      await this.#request({ url: this.#url("/-/acks/" + ack.id), ...payload(data) });
      return true;
    } catch (err) {
      if (err.code !== "gone") throw err;
      return false;
    }
  }

  request(method, path, query, body, stream, signal) {
    return this.#request({ method, url: this.#url(path, query), headers: JSON_BODY, body: JSON.stringify(body), stream }, signal);
  }

  members(who) {
    return this.request("GET", "/-/members", who);
  }

  listRooms(page) {
    return this.request("GET", "/-/rooms", page);
  }

  history({ room = this.rooms[0], ...page } = {}) {
    return this.request("GET", "/-/history", { room, ...page });
  }

  describe(self) {
    return this.#inTurn(() => {
      Object.assign(this.#self, self);
      this.#post({ self });
      return this.request("PATCH", ME, {}, self, 1);
    });
  }

  join(rooms) {
    return this.#move(rooms, true);
  }

  leave(rooms) {
    return this.#move(rooms);
  }

  #move(rooms, join) {
    return this.#inTurn(async () => {
      for (const room of list(rooms)) {
        const rest = without(this.#mine, room);
        this.#claim(join ? [...rest, room] : rest);
        try {
          await (join ? this.#visit("PUT", room) : this.#drop([room]));
        } catch (err) {
          this.#claim(rest);
          throw err;
        }
        this.#moved();
        if (join) this.#whoIsThere(room);
      }
      return this.rooms;
    });
  }

  async #visit(method, room) {
    await this.request(method, ME, { room }, undefined, 1);
    this.#moved([...without(this.#all, room), ...(method === "PUT" ? [room] : [])]);
  }

  #moved(all = this.#all) {
    this.#all = all;
    this.rooms = all.filter((room) => this.#mine.includes(room) || !this.#theirs().includes(room));
  }

  #url(path, query) {
    const url = new URL(this.#base + path);
    for (const name in query) for (const value of list(query[name] || [])) url.searchParams.append(name, value === true ? 1 : value);
    return url;
  }

  #inTurn(run) {
    const before = this.#queue;
    let next;
    this.#queue = new Promise((done) => (next = done));
    return before.then(() => run(next)).finally(next);
  }

  async #fetch({ method, url, headers, body }, more) {
    headers = { ...headers, "Connection-ID": await this.#known };
    const { key } = this.#o;
    if (key) headers.Authorization = "Bearer " + (key.call ? await key() : key);
    return fetch(url, { method, headers, body, cache: "no-store", ...more });
  }

  async #request(job, cut = this.#life.signal, next) {
    const signal = AbortSignal.any([cut, this.#life.signal]);
    for (let n = 1; ; n++) {
      while (!signal.aborted && (job.stream ? !this.connected : this.#down)) await this.#pause(LONGEST_WAIT, signal);
      signal.throwIfAborted();
      // What was never tried cannot have been kept.
      job.begun ??= Date.now();
      if (Date.now() - job.begun > KEY_LIFE) throw new Error(UNKNOWN);
      const timer = job.ack && setTimeout(next, 1000);
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_WAIT)]);
        const response = await this.#fetch(job, { signal: limit });
        const answer = parse(await response.text());
        if (response.ok) return answer;
        throw new Refusal(response, answer);
      } catch (err) {
        clearTimeout(timer);
        signal.throwIfAborted();
        if (err instanceof Refusal && !passing(err)) throw err;
        if (job.volatile) return null;
        await this.#pause(Math.max(err.wait ?? 0, backoff(1000, n)), signal);
      }
    }
  }

  #pause(ms, signal) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      const stop = () => (clearTimeout(timer), done());
      this.#wake.add(stop);
      signal?.addEventListener("abort", stop);
    });
  }

  #ring() {
    for (const done of this.#wake) done();
    this.#wake.clear();
  }

  #nudge = () => {
    if (globalThis.navigator?.onLine === false) return this.#cut?.abort(new Error("offline"));
    if (!globalThis.document?.hidden) this.reconnect();
  };

  async #identify() {
    let { server, connectionId: id, shared } = this.#o;
    try {
      if (shared && !this.#mine.includes("*")) {
        const slot = "parley shared " + root(server);
        id ??= await locks.request(slot, () => (localStorage[slot] ??= random()));
        this.#channel = new BroadcastChannel(this.#base + " " + id);
      }
    } catch {} // no store
    return (this.connectionId = id ?? (await identity(server)));
  }

  async #start() {
    await this.#known;
    if (this.state === "closed") return this.#channel?.close();
    if (!this.#channel) return this.#run();
    const over = new Promise((done) => (this.#life.signal.onabort = done));
    this.#leads = false;
    this.#channel.onmessage = ({ data }) => this.#told(data);
    this.#lock(this.#tab, () => {
      this.#claim(this.#mine, { hi: 1, at: "" });
      this.#lock(this.#channel.name, () => {
        this.#leads = true;
        this.#from = this.position;
        for (const tab of this.#tabs.keys()) this.#survive(tab);
        this.#run();
        return over;
      });
      return over;
    });
  }

  #lock(name, fn) {
    locks.request(name, { signal: this.#life.signal }, fn).catch(() => {});
  }

  #post(message) {
    this.#channel?.postMessage(message);
  }

  #claim(rooms, more) {
    this.#mine = rooms;
    this.#post({ tab: this.#tab, rooms, ...more });
  }

  // Who gets a tab's own lock knows that the tab is gone.
  #survive(tab) {
    this.#lock(tab, async () => {
      const rooms = this.#tabs.get(tab);
      this.#tabs.delete(tab);
      await this.#drop(rooms);
      this.#post({ gone: tab });
    });
  }

  async #drop(rooms) {
    for (const room of without(rooms, ...this.#theirs(this.#mine))) await this.#visit("DELETE", room);
  }

  #theirs(...more) {
    return [...this.#tabs.values(), ...more].flat();
  }

  async #told({ tab, rooms, at, hi, gone, to, block, prev, change, down, own, self, wake }) {
    if (to && to !== this.#tab) return;
    if (self) Object.assign(this.#self, self);
    if (own) this.#hear(own, { id: "", event: own.event, data: JSON.stringify(own) });
    if (change?.state === "closed") this.#end(change.error, change.reason);
    const old = this.#tabs.get(tab);
    if (tab) this.#tabs.set(tab, rooms);
    this.#tabs.delete(gone);
    this.#moved();
    if (hi) this.#claim(this.#mine);
    if (this.#leads) {
      if (wake) this.reconnect();
      if (tab && !old) this.#survive(tab);
      this.#drop(old ?? []).catch(() => {});
      if (at === undefined) return;
      await this.#rejoin();
      const data = JSON.stringify({ ...this.#hello, rooms: this.#all });
      if (!at && this.#hello) this.#post({ to: tab, block: { id: this.position, event: "hello", data }, change: { state: this.state }, down: this.#down });
      if (at && newer(this.position, at)) (this.#from = at), this.#cut?.abort(AGAIN);
      return;
    }
    if (change) (this.#down = down), this.#turn(change.state, change);
    if (!block) return;
    const hello = block.event === "hello" && parse(block.data);
    if (hello) this.#asked = false;
    const follows = this.position ? !newer(prev, this.position) : hello && (to || this.#mine.every((room) => hello.rooms.includes(room)));
    if (follows) this.#take(block);
    else if (!this.#asked) (this.#asked = true), this.#claim(this.#mine, { at: this.position });
    if (to && follows) for (const room of this.rooms) this.#whoIsThere(room);
  }

  async #rejoin() {
    for (const room of without(this.#theirs(), ...this.#all)) await this.#visit("PUT", room).catch(() => {});
  }

  #whoIsThere(room) {
    if (!this.#channel || !this.#o.presence) return;
    this.members({ in: room }).then(({ members, count, users }) => {
      const data = { room, members, count, users };
      this.#hear(data, { id: "", event: "presence", data: JSON.stringify(data) });
    }, () => {});
  }

  #tellOthers({ to, event, data, body, headers }, { id, time, from }) {
    const own = { id, event, from, name: this.#self.name, data, time, own: true };
    if (to[1] || /^[@*]/.test(to)) own.to = to;
    else own.room = to[0];
    if (headers["Content-Type"] === JSON_BODY.Accept) own.data = parse(body);
    this.#post({ own });
  }

  async #run() {
    while (this.state !== "closed") {
      this.#turn("connecting");
      const cut = (this.#cut = new AbortController());
      this.#greeted = false;
      this.#heard = Date.now();
      this.#patience = this.#way > 1 ? LONGEST_WAIT : FIRST_WORD;
      // Timers sleep when the machine does: the clock decides.
      const dog = setInterval(() => Date.now() - this.#heard > this.#patience && cut.abort(SILENT), 1000);
      const failed = await this.#listen(cut).catch((err) => err);
      const error = cut.signal.aborted ? cut.signal.reason : failed;
      cut.abort();
      clearInterval(dog);
      clearTimeout(this.#idle);
      if (this.state === "closed") return;
      if (error === AGAIN) continue;
      if (!this.#greeted && (this.#way || error === SILENT)) {
        const whole = globalThis.EventSource && !this.#o.key && !this.#channel && !this.#taps.size && !this.#listeners.get(null)?.size;
        this.#way = this.#way ? (this.#way + 1) % 3 : whole ? 1 : 2;
        if (this.#way) continue;
      }
      this.#down = error !== SILENT;
      this.#failures = error ? this.#failures + 1 : 0;
      const wait = error ? Math.max(backoff(this.#retry, this.#failures), error.wait ?? 0) : this.#retry;
      this.#turn("waiting", { until: Date.now() + wait, error });
      await this.#pause(wait);
    }
  }

  async #listen(cut) {
    const { signal } = cut;
    const { since, last, presence, namespace: ns } = this.#o;
    const way = this.#way;
    const resumed = !!this.#from;
    const query = { room: [...new Set(this.#theirs(this.#mine, this.#all))], name: this.#self.name, presence, wait: way > 1 && "0s" };
    if (!resumed) Object.assign(query, { since, last });
    let orderly;
    const take = (block) => {
      if (signal.aborted) return;
      const prev = this.#from;
      if (block.id) this.#from = block.id.replace("!", "");
      if (block.event === "hello") {
        orderly = this.#greeted = true;
        this.#heartbeat = parse(block.data).heartbeat || 15;
        this.#patience = way === 1 ? Infinity : this.#heartbeat * 2000 + 5000;
      }
      this.#take(block, prev);
      if (block.event === "bye") cut.abort(null);
    };
    const retry = (ms) => {
      this.#retry = Math.min(Math.max(ms, 100), 600_000);
      orderly = true;
    };
    if (way === 1) {
      const source = new EventSource(this.#url("", { ...query, cid: this.connectionId, since: this.#from || since }));
      this.#source = (event) => source.addEventListener(event, ({ lastEventId, data }) => take({ id: lastEventId, event, data }));
      for (const event of new Set(["hello", "rooms", "presence", "gap", "erased", "bye", ...this.#listeners.keys()])) this.#source(event);
      await new Promise((done) => (source.onerror = signal.onabort = done));
      source.close();
    }
    const until = Date.now() + POLLING;
    while (way !== 1 && !signal.aborted) {
      const headers = { Accept: way ? JSON_BODY.Accept : "text/event-stream" };
      if (this.#from) headers["Last-Event-ID"] = this.#from;
      const response = await this.#fetch({ url: this.#url("", query), headers }, { signal });
      const { status } = response;
      if (status === 204) return this.#end();
      const is = (type) => response.headers.get("Content-Type")?.startsWith(type);
      if (!response.ok) {
        // Without our problem document it is some proxy's, and will pass.
        const ours = is("application/problem+json");
        const error = new Refusal(response, ours ? parse(await response.text()) : {});
        if (ours && (status < 500 ? !passing(error) : status === 501)) this.#end(error);
        throw error;
      }
      if (!is(headers.Accept)) break;
      this.#heard = Date.now();
      if (!way) {
        const reader = response.body?.getReader();
        if (!reader) throw SILENT;
        const parser = new Parser(take, retry, this.#from);
        for (let chunk; !signal.aborted && !(chunk = await reader.read()).done; ) {
          this.#heard = Date.now();
          parser.push(chunk.value);
          if (this.state === "catching-up") this.#settle();
        }
        break;
      }
      const { events, next } = await response.json();
      if (!this.#greeted) {
        this.#down = false;
        const { id = this.member, user, rooms = this.#all } = await this.request("PATCH", ME, {}, this.#self, 0, signal).catch(() => ({}));
        const hello = { ns, rooms, member: id, user, heartbeat: 25, resumed: resumed && !events.some((e) => e.event === "gap") };
        take({ id: this.#from, event: "hello", data: JSON.stringify(hello) });
      }
      for (const e of events) take({ id: e.id ?? this.#from, event: e.event, data: JSON.stringify(e) });
      take({ id: next, event: "message", data: null });
      query.wait = "25s";
      if (Date.now() > until) throw ((this.#way = 0), AGAIN);
    }
    if (!orderly) throw new Error("this was no stream");
  }

  #take(block, prev) {
    const hello = block.event === "hello";
    let data = parse(block.data);
    if (hello) {
      this.member = data.member;
      this.recovered = data.resumed;
      if (this.#leads) {
        this.#down = false;
        this.#failures = 0;
        this.#turn(this.#way === 2 ? "polling" : data.resumed ? "catching-up" : "live");
        if (data.resumed) this.#settle();
      }
    }
    if (this.#leads) this.#post({ block, prev });
    if (data.id && !newer(data.id, this.position)) return;
    // Moved before anyone hears it, who may throw.
    const id = block.id.replace("!", "");
    if (id && newer(id, this.position)) this.position = id;
    this.#tell(this.#taps, block);
    if (block.data === null) return;
    if (data.rooms) {
      // What the server took away is not asked for again.
      this.#mine = without(this.#mine, ...without(this.#hello?.rooms ?? [], ...data.rooms));
      this.#hello = { ...this.#hello, ...data };
      this.#moved(data.rooms);
      data = { ...data, rooms: this.rooms };
    }
    if (hello && this.#leads) {
      this.#rejoin();
      if (this.#self.data !== undefined) this.request("PATCH", ME, {}, this.#self, 1).catch(() => {});
    }
    if (block.event === "bye" && this.#leads) {
      this.#down = true;
      if (data.reconnect === false) this.#end(undefined, data.reason);
    }
    this.#hear(data, block);
  }

  #hear(data, block) {
    const here = ["*", "@" + this.member, undefined, ...this.rooms];
    // What another tab said to one member is this one's too; a gap's `to` is an ID.
    const ours = (to) => here.includes(to) || (data.own && to[0] === "@");
    const targets = block.event === "gap" ? data.room : (data.to ?? data.room);
    if (this.#channel && ![targets].flat().some(ours)) return;
    const reply = data.ack && ((answer) => this.reply(data, answer));
    for (const event of [block.event, null]) this.#tell(this.#listeners.get(event), data, block, reply);
  }

  // Nothing on the wire marks the end of a replay; a pause does.
  #settle() {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#turn("live"), 150);
  }

  #turn(state, detail) {
    if (this.state === "closed") return;
    this.state = state;
    const change = { ...detail, state };
    if (this.#leads) this.#post({ change, down: this.#down });
    this.#tell(this.#watchers, change);
    if (this.connected) this.#ring();
  }

  #end(error, reason) {
    this.#turn("closed", { error, reason });
    clearTimeout(this.#idle);
    this.#life.abort(error ?? new Error("the connection is closed"));
    this.#cut?.abort();
    this.#ring();
    this.#channel = this.#channel?.close();
  }

  #tell(listeners, ...args) {
    for (const fn of listeners ?? []) {
      try {
        fn(...args);
      } catch (err) {
        report(err);
      }
    }
  }
}

export const connect = (options) => new Connection(options);
