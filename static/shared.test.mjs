// Tests of what parley.js does with one stream for several tabs, with locks and
// channels of a few lines, which lose what they are told to. Chromium's own are
// in the tests of the whole program.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

// Locks as a browser has them: one holder a name, the next when it lets go.
const held = new Map();
const locks = {
  async request(name, ...rest) {
    const [{ signal } = {}, fn] = rest.length > 1 ? rest : [{}, rest[0]];
    const before = held.get(name) ?? Promise.resolve();
    let free;
    held.set(name, new Promise((done) => (free = done)));
    const aborted = new Promise((_, fail) => signal?.addEventListener("abort", () => fail(signal.reason)));
    try {
      signal?.throwIfAborted();
      await Promise.race([before, aborted]);
    } catch (err) {
      before.then(free);
      throw err;
    }
    aborted.catch(() => {});
    return Promise.resolve(fn()).finally(free);
  },
};
Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
globalThis.localStorage = {};

// A channel hands on in the order of the calls, and not what loses says.
const channels = new Set();
let loses = () => false;
globalThis.BroadcastChannel = class {
  constructor(name) {
    this.name = name;
    channels.add(this);
  }
  postMessage(message) {
    for (const other of channels) {
      if (other === this || other.name !== this.name) continue;
      const data = structuredClone(message);
      if (!loses(data, other)) setImmediate(() => channels.has(other) && other.onmessage?.({ data }));
    }
  }
  close() {
    channels.delete(this);
  }
};

const { connect } = await import("./parley.js");

// serve keeps one room's log and streams it from the position asked for, and the
// rooms of the one member.
async function serve(t) {
  const log = [];
  let rooms = [];
  const asked = [];
  const streams = new Set();
  const said = (n) => `id: e-${n}\nevent: message\ndata: ${JSON.stringify({ id: `e-${n}`, room: "lobby", event: "message", data: n, time: "now" })}\n\n`;
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    if (method !== "GET") {
      asked.push(`${method} ${url}`);
      const room = new URL(url, "http://x").searchParams.get("room");
      if (room) {
        rooms = [...rooms.filter((other) => other !== room), ...(method === "PUT" ? [room] : [])];
        write(`event: rooms\ndata: ${JSON.stringify({ rooms })}\n\n`);
      }
      return response.end('{"id":"e-0","rooms":[],"time":"now","from":"m"}');
    }
    const from = headers["last-event-id"] ?? `e-${log.length}`;
    asked.push(from);
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    rooms = new URL(url, "http://x").searchParams.getAll("room");
    response.write(`retry: 20\nid: ${from}\nevent: hello\ndata: ${JSON.stringify({ ns: "demo", rooms, member: "m", heartbeat: 15, resumed: "last-event-id" in headers })}\n\n`);
    for (const n of log.slice(Number(from.slice(2)))) response.write(said(n));
    streams.add(response);
    response.on("close", () => streams.delete(response));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => (server.closeAllConnections(), server.close()));
  const write = (text) => {
    for (const response of streams) response.write(text);
  };
  const say = () => write(said(log.push(log.length + 1)));
  return { server: `http://127.0.0.1:${server.address().port}`, asked, streams, say, write };
}

let profile = 0;

// browser gives tabs of one browser, and what each of them hears.
function browser(t, server) {
  const connectionId = `shared-connection-${++profile}`;
  return (options = {}) => {
    const tab = { heard: [], states: [], conn: connect({ server, namespace: "demo", rooms: "lobby", shared: true, connectionId, ...options }) };
    tab.conn.on("message", ({ data, own }) => tab.heard.push(own ? "own " + data : data));
    tab.conn.watch((change) => tab.states.push(change));
    t.after(() => tab.conn.close());
    return tab;
  };
}

const until = async (yes) => {
  while (!yes()) await new Promise((done) => setTimeout(done, 5));
};
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

test("one stream, and every tab hears everything once", async (t) => {
  const { server, asked, say, streams } = await serve(t);
  const tab = browser(t, server);
  const tabs = [tab(), tab(), tab()];
  for (const { conn } of tabs) await until(() => conn.connected);
  for (let i = 0; i < 5; i++) say();
  for (const { heard } of tabs) await until(() => heard.length === 5);
  await tabs[1].conn.emit("message", "mine");
  await until(() => tabs[0].heard.length === 6 && tabs[2].heard.length === 6);
  assert.deepEqual(tabs.map(({ heard }) => heard.slice(5)), [["own mine"], [], ["own mine"]]);
  assert.equal(streams.size, 1);
  assert.deepEqual(asked, ["e-0", "POST /demo?to=lobby&event=message"]);
});

test("who missed something is told it, and nobody hears it twice", async (t) => {
  const { server, asked, say } = await serve(t);
  const tab = browser(t, server);
  const [one, two, three] = [tab(), tab(), tab()];
  for (const { conn } of [one, two, three]) await until(() => conn.connected);
  const [, deaf] = [...channels];
  const lost = ["e-3", "e-4"];
  loses = ({ block }, to) => to === deaf && block?.id === lost[0] && lost.shift();
  t.after(() => (loses = () => false));
  for (let i = 0; i < 6; i++) say();
  for (const { heard } of [one, two, three]) await until(() => heard.length >= 6);
  say();
  for (const { heard } of [one, two, three]) {
    await until(() => heard.length >= 7);
    assert.deepEqual(heard, upTo(7));
  }
  assert.deepEqual(asked, ["e-0", "e-2"]);
});

test("when the first tab goes, another goes on where it was", async (t) => {
  const { server, asked, say, streams } = await serve(t);
  const tab = browser(t, server);
  const tabs = [tab({ rooms: ["lobby", "tea"] }), tab(), tab()];
  for (const { conn } of tabs) await until(() => conn.connected);
  say();
  await until(() => tabs[1].heard.length === 1 && tabs[2].heard.length === 1);
  tabs[0].conn.close();
  say();
  await until(() => streams.size === 1 && asked.length === 3);
  say();
  for (const { heard } of tabs.slice(1)) {
    await until(() => heard.length === 3);
    assert.deepEqual(heard, upTo(3));
  }
  // And what only the first wanted is left.
  assert.deepEqual(asked, ["e-0", "e-1", "DELETE /demo/-/members/me?room=tea"]);
});

test("a tab that comes later has its rooms joined, and left when it goes", async (t) => {
  const { server, asked, write } = await serve(t);
  const tab = browser(t, server);
  const first = tab();
  await until(() => first.conn.connected);
  const later = tab({ rooms: ["lobby", "tea"] });
  await until(() => later.conn.connected);
  assert.deepEqual(asked.slice(1), ["PUT /demo/-/members/me?room=tea"]);
  assert.deepEqual([first.conn.rooms, later.conn.rooms], [["lobby"], ["lobby", "tea"]]);
  write('id: e-1\nevent: message\ndata: {"id":"e-1","room":"tea","data":"tea"}\n\n');
  write('id: e-2\nevent: message\ndata: {"id":"e-2","to":["tea","*"],"data":"all"}\n\n');
  write('id: e-3\nevent: message\ndata: {"id":"e-3","to":["@m","@n"],"data":"me"}\n\n');
  await until(() => later.heard.length === 3);
  await until(() => first.heard.length === 2);
  assert.deepEqual(first.heard, ["all", "me"]);
  later.conn.close();
  await until(() => asked.length === 3);
  assert.deepEqual(asked.slice(2), ["DELETE /demo/-/members/me?room=tea"]);
  // What the server joins by itself is for everybody.
  write('event: rooms\ndata: {"rooms":["cellar","lobby"]}\n\n');
  await until(() => first.conn.rooms.length === 2);
  assert.deepEqual(first.conn.rooms, ["cellar", "lobby"]);
});

test("a room is left when the last tab leaves it", async (t) => {
  const { server, asked } = await serve(t);
  const tab = browser(t, server);
  const tabs = [];
  for (const rooms of ["lobby", ["lobby", "tea"], ["lobby", "tea"]]) {
    tabs.push(tab({ rooms }));
    await until(() => tabs.at(-1).conn.connected);
  }
  asked.length = 0;
  await tabs[2].conn.leave("tea");
  assert.deepEqual(tabs.map(({ conn }) => conn.rooms), [["lobby"], ["lobby", "tea"], ["lobby"]]);
  assert.deepEqual(asked, []);
  // Whether or not it knows already that the other has left.
  await tabs[1].conn.leave("tea");
  await until(() => asked.length);
  assert.equal(asked[0], "DELETE /demo/-/members/me?room=tea");
  await until(() => tabs.every(({ conn }) => conn.rooms.join() === "lobby"));
});

test("a kick ends all tabs", async (t) => {
  const { server, asked, write } = await serve(t);
  const tab = browser(t, server);
  const tabs = [tab(), tab()];
  for (const { conn } of tabs) await until(() => conn.connected);
  write('id: e-0!\nevent: bye\ndata: {"reason":"kicked","reconnect":false}\n\n');
  for (const { conn, states } of tabs) {
    await until(() => conn.state === "closed");
    assert.equal(states.at(-1).reason, "kicked");
  }
  assert.equal(asked.length, 1);
});

test("a tab that is closed before it has begun leaves nothing", async (t) => {
  const { server, asked } = await serve(t);
  const before = channels.size;
  const { conn } = browser(t, server)({ connectionId: undefined });
  conn.close();
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(channels.size, before);
  assert.equal(asked.length, 0);
});
