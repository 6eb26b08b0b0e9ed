// Parley's client: rooms over plain HTTP. It listens on one stream of
// Server-Sent Events read with fetch, so that the connection ID travels in a
// header, and speaks with POST. No dependencies; parley.d.ts says what each call
// promises.

const FIRST_WORD = 20_000; // ms in which a stream has to say hello
const KEY_LIFE = 9 * 60_000; // ms a send is repeated; the server knows its key for ten minutes
const IDLE = 150; // ms without a byte after which a replay is over
const LONGEST_WAIT = 30_000;
const AGAIN = new Error("the stream was silent");

// Parser reads a text/event-stream as the WHATWG section says: CR, LF and CRLF
// end a line, wherever the chunks were cut; a block that was not ended does not
// count.
export class Parser {
  #decoder = new TextDecoder();
  #tail = "";
  #afterCR = false;
  #event = "";
  #data = null;
  #id = "";
  #onBlock;
  #onRetry;

  constructor(onBlock, onRetry = () => {}, lastEventId = "") {
    this.#onBlock = onBlock;
    this.#onRetry = onRetry;
    this.#id = lastEventId;
  }

  push(bytes) {
    let chunk = this.#decoder.decode(bytes, { stream: true });
    if (chunk === "") return;
    if (this.#afterCR && chunk[0] === "\n") chunk = chunk.slice(1);
    this.#afterCR = chunk === "" ? false : chunk.endsWith("\r");
    const text = this.#tail + chunk;
    const lineEnd = /\r\n?|\n/g;
    lineEnd.lastIndex = this.#tail.length; // what was kept holds no line end
    let start = 0;
    for (let m; (m = lineEnd.exec(text)); start = lineEnd.lastIndex) this.#line(text.slice(start, m.index));
    this.#tail = text.slice(start);
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value[0] === " ") value = value.slice(1);
    if (field === "data") this.#data = this.#data === null ? value : this.#data + "\n" + value;
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#onRetry(Number(value));
  }

  #dispatch() {
    const block = { id: this.#id, event: this.#event || "message", data: this.#data };
    this.#event = "";
    this.#data = null;
    this.#onBlock(block);
  }
}

// Refusal is an answer that repeating would not mend.
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `the server answered ${status}`);
    this.name = "Refusal";
    this.status = status;
    this.code = problem.code || "";
  }
}

const root = (server) => {
  const url = new URL(server ?? globalThis.document?.baseURI, globalThis.document?.baseURI);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  url.search = url.hash = "";
  return url;
};

const random = () => {
  const alphabet = "0123456789abcdefghijklmnopqrstuv";
  return Array.from(crypto.getRandomValues(new Uint8Array(26)), (b) => alphabet[b & 31]).join("");
};

// A reload frees the lock in a moment, a duplicated tab never: a second tells
// the two apart.
const hold = (lock) =>
  new Promise((done) => {
    const forever = () => (done(true), new Promise(() => {}));
    navigator.locks.request(lock, { signal: AbortSignal.timeout(1000) }, forever).catch(() => done(false));
  });

const claim = async (slot) => {
  let store, id;
  try {
    store = globalThis.sessionStorage;
    id = store.getItem(slot);
  } catch {
    return random();
  }
  if (!store) return random();
  if (navigator.locks) {
    if (!id || !(await hold(slot + " " + id))) await hold(slot + " " + (id = random()));
    store.setItem(slot, id);
    return id;
  }
  // Where there are no locks (a page over plain HTTP) the ID lies in the store
  // only while no page is using it, so a copy of the tab copies none.
  id ||= random();
  const put = () => store.setItem(slot, id);
  const take = () => store.removeItem(slot);
  take();
  addEventListener("pagehide", put);
  addEventListener("pageshow", take);
  return id;
};

const claimed = new Map();

// identity gives this tab's connection ID for a server.
export function identity(server) {
  const slot = "parley " + root(server).href;
  if (!claimed.has(slot)) claimed.set(slot, claim(slot));
  return claimed.get(slot);
}

export const connect = (options) => new Connection(options);

class Connection {
  state = "connecting";
  connectionId = "";
  member = "";
  position = "";
  rooms;
  pending = 0;

  #o;
  #base;
  #id;
  #life = new AbortController();
  #stream = null;
  #retry = 2000;
  #failures = 0;
  #down = false;
  #heartbeat = 15;
  #heard = 0;
  #listeners = new Map();
  #watchers = new Set();
  #taps = new Set();
  #queue = Promise.resolve();
  #wake = new Set(); // called when the stream is back, or it is worth trying
  #idle;

  constructor(options) {
    this.#o = options;
    this.rooms = [options.rooms ?? []].flat();
    this.#base = new URL(encodeURIComponent(options.namespace), root(options.server));
    this.#id = Promise.resolve(options.connectionId ?? identity(options.server)).then((id) => (this.connectionId = id));
    globalThis.addEventListener?.("online", this.#nudge);
    globalThis.document?.addEventListener("visibilitychange", this.#nudge);
    // A handler put on right after connect() hears everything.
    queueMicrotask(() => this.#run());
  }

  on(event, fn) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    return add(this.#listeners.get(event), fn);
  }

  watch(fn) {
    return add(this.#watchers, fn);
  }

  tap(fn) {
    return add(this.#taps, fn);
  }

  close() {
    this.#end();
  }

  // reconnect tries now instead of at the end of the wait.
  reconnect() {
    if (this.state === "waiting") this.#ring();
  }

  // send keeps the order of its calls: the next is posted when the one before was
  // answered. What is volatile is worth nothing later, so it waits for nothing.
  send(to, data, options = {}) {
    const job = this.#draft(to, data, options);
    if (options.volatile) return this.#request(job, 1);
    this.pending++;
    const done = this.#queue.then(() => this.#request(job)).finally(() => this.pending--);
    this.#queue = done.catch(() => {});
    return done;
  }

  history({ room = this.rooms[0], ...page } = {}) {
    return this.#request({ url: this.#url("/-/history", { room, ...page }), headers: { Accept: "application/json" } });
  }

  #url(path, query) {
    const url = new URL(this.#base);
    url.pathname += path;
    for (const [name, values] of Object.entries(query)) {
      for (const value of [values ?? []].flat()) url.searchParams.append(name, value);
    }
    return url;
  }

  #draft(to, data, { event, except, ttl, echo, volatile, key = random(), begun }) {
    const binary = data instanceof ArrayBuffer || ArrayBuffer.isView(data) || data instanceof Blob;
    const text = typeof data === "string";
    const body = text || binary ? data : JSON.stringify(data);
    if (body === undefined) throw new TypeError("undefined is not a JSON value");
    const type = text ? "text/plain;charset=utf-8" : !binary ? "application/json" : data.type || "application/octet-stream";
    const headers = { "Content-Type": type, Accept: "application/json" };
    if (!volatile) headers["Idempotency-Key"] = key;
    const query = { to, except, event, ttl, echo: echo ? 1 : [], volatile: volatile ? 1 : [] };
    return { method: "POST", url: this.#url("", query), headers, body, begun };
  }

  async #headers(headers) {
    const all = { ...headers, "Connection-ID": await this.#id };
    if (this.#o.key) all.Authorization = "Bearer " + this.#o.key;
    return all;
  }

  // request repeats what time would mend, with the same key, until the server
  // would no longer know the key.
  async #request(job, tries = Infinity) {
    let { begun } = job;
    const headers = await this.#headers(job.headers);
    for (let n = 1; ; n++) {
      if (tries > 1) await this.#reachable();
      this.#life.signal.throwIfAborted();
      // What was never tried cannot have been kept, so time counts from here.
      begun ??= Date.now();
      if (Date.now() - begun > KEY_LIFE) throw new Error("it is not known whether this was kept");
      const { status, body, wait = 0, error } = await this.#once(job, headers);
      this.#life.signal.throwIfAborted();
      if (status >= 200 && status < 300) return body;
      const trouble = error ?? new Refusal(status, body);
      if (n >= tries || !(error || passing(status))) throw trouble;
      await this.#sleep(Math.max(wait, backoff(1000, n)));
    }
  }

  async #once({ method, url, body }, headers) {
    const cut = new AbortController();
    const stop = () => cut.abort();
    const timer = setTimeout(stop, LONGEST_WAIT);
    this.#life.signal.addEventListener("abort", stop);
    try {
      const response = await fetch(url, { method, headers, body, cache: "no-store", signal: cut.signal });
      return { status: response.status, body: parse(await response.text()), wait: retryAfter(response) };
    } catch (error) {
      return { error };
    } finally {
      clearTimeout(timer);
      this.#life.signal.removeEventListener("abort", stop);
    }
  }

  // While the stream says that the server is away, a POST could only fail.
  async #reachable() {
    while (this.#down && !this.#life.signal.aborted) await new Promise((done) => this.#wake.add(done));
  }

  #sleep(ms) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.#wake.add(() => (clearTimeout(timer), done()));
    });
  }

  #ring() {
    const woken = this.#wake;
    this.#wake = new Set();
    for (const done of woken) done();
  }

  #nudge = () => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.state === "waiting") this.#ring();
    else if (this.#stream && Date.now() - this.#heard > this.#heartbeat * 1300) this.#stream.abort(AGAIN);
  };

  async #run() {
    while (this.state !== "closed") {
      this.#turn("connecting");
      const end = await this.#listen();
      clearTimeout(this.#idle);
      if (this.state === "closed") return;
      if (end.error === AGAIN) continue;
      this.#down = !end.silent;
      this.#failures = end.orderly ? 0 : this.#failures + 1;
      // After an orderly end the server has chosen the moment, so that not all
      // come back at once.
      const own = end.orderly ? this.#retry : backoff(this.#retry, this.#failures);
      const wait = Math.max(own, end.wait ?? 0);
      this.#turn("waiting", { until: Date.now() + wait, error: end.error });
      await this.#sleep(wait);
    }
  }

  // listen opens one stream and reads it to its end.
  async #listen() {
    const stream = (this.#stream = new AbortController());
    const end = { orderly: false };
    let patience = FIRST_WORD;
    let over = false;
    let dog;
    // Timers sleep when the machine does: the clock decides, not the timer.
    const watch = () => {
      const left = this.#heard + patience - Date.now();
      if (left > 0) dog = setTimeout(watch, left);
      else (end.silent = true), stream.abort();
    };
    this.#heard = Date.now();
    watch();
    const take = (block) => {
      if (over) return;
      if (block.data === null) {
        if (block.id) this.position = block.id;
        this.#tell(this.#taps, block);
        return;
      }
      const data = parse(block.data);
      if (block.event === "hello") {
        this.#heartbeat = data.heartbeat || 15;
        patience = this.#heartbeat * 2000 + 5000;
        clearTimeout(dog);
        watch();
        end.orderly = true;
      }
      over = block.event === "bye";
      this.#take(block, data);
      if (over) stream.abort();
    };
    // Whoever says when to come back has ended the stream on purpose.
    const retry = (ms) => {
      this.#retry = Math.min(Math.max(ms, 100), 600_000);
      end.orderly = true;
    };
    try {
      const headers = { Accept: "text/event-stream" };
      const query = { room: this.#o.rooms };
      if (this.position) headers["Last-Event-ID"] = this.position;
      else (query.since = this.#o.since), (query.last = this.#o.last);
      const response = await fetch(this.#url("", query), {
        headers: await this.#headers(headers),
        cache: "no-store",
        signal: stream.signal,
      });
      if (response.status === 204) return this.#end();
      if (!response.ok) await this.#refused(response, end);
      else if (!/^text\/event-stream\b/i.test(response.headers.get("Content-Type"))) {
        end.error = new Error("the answer is not an event stream");
      } else {
        const parser = new Parser(take, retry, this.position);
        const reader = response.body.getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done || over) break;
          this.#heard = Date.now();
          parser.push(value);
          if (this.state === "catching-up") this.#settle();
        }
      }
    } catch (err) {
      if (!over) (end.orderly = false), (end.error = err);
    } finally {
      clearTimeout(dog);
      stream.abort();
      this.#stream = null;
    }
    return end;
  }

  async #refused(response, end) {
    const ours = /^application\/problem\+json\b/i.test(response.headers.get("Content-Type"));
    end.error = new Refusal(response.status, ours ? parse(await response.text()) : {});
    end.wait = retryAfter(response);
    // A refusal without our problem document is some proxy's, and will pass.
    const { status } = response;
    if (ours && (status < 500 ? !passing(status) : status === 501)) this.#end(end.error);
  }

  #take(block, data) {
    // Moved before anyone hears it: a handler that throws must not make it come
    // again.
    if (block.id) this.position = block.id;
    this.#tell(this.#taps, block);
    switch (block.event) {
      case "hello":
        this.member = data.member;
        this.rooms = data.rooms ?? this.rooms;
        this.#down = false;
        this.#failures = 0;
        this.#turn(data.resumed ? "catching-up" : "live");
        if (data.resumed) this.#settle();
        this.#ring();
        break;
      case "rooms":
        this.rooms = data.rooms;
        break;
      case "bye":
        this.position = this.position.replace(/!$/, "");
        this.#down = true;
        if (data.reconnect === false) this.#end(undefined, data.reason);
    }
    this.#tell(this.#listeners.get(block.event), data, block);
    this.#tell(this.#listeners.get(null), data, block);
  }

  // Nothing on the wire marks the end of a replay; a pause does.
  #settle() {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#turn("live"), IDLE);
  }

  #turn(state, detail = {}) {
    if (this.state === "closed") return;
    this.state = state;
    this.#tell(this.#watchers, { state, ...detail });
  }

  #end(error, reason) {
    if (this.state === "closed") return;
    this.#turn("closed", { error, reason });
    globalThis.removeEventListener?.("online", this.#nudge);
    globalThis.document?.removeEventListener("visibilitychange", this.#nudge);
    clearTimeout(this.#idle);
    this.#life.abort(error ?? new Error("the connection is closed"));
    this.#stream?.abort();
    this.#ring();
    return {};
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

const report = globalThis.reportError ?? ((err) => console.error(err));

const add = (set, fn) => {
  set.add(fn);
  return () => set.delete(fn);
};

const parse = (text) => {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
};

const passing = (status) => [408, 425, 429, 502, 503, 504].includes(status);

const retryAfter = (response) => (Number(response.headers.get("Retry-After")) || 0) * 1000;

const backoff = (first, n) => Math.min(LONGEST_WAIT, Math.max(first, 500) * 2 ** Math.min(n - 1, 6)) * (0.75 + Math.random() / 2);
