// Tests of parley.js that need no browser: the parser, and the client against a
// server of a few lines. `node --test static/`; `go test ./static` runs them too.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { connect, Parser, Refusal } from "./parley.js";

const bytes = new TextEncoder();

function parse(...chunks) {
  const blocks = [];
  const retries = [];
  const parser = new Parser((block) => blocks.push(block), (ms) => retries.push(ms));
  for (const chunk of chunks) parser.push(typeof chunk === "string" ? bytes.encode(chunk) : chunk);
  return { blocks, retries };
}

const message = (data, id = "") => ({ id, event: "message", data });

for (const [name, stream, blocks, retries = []] of [
  ["a block", "data: hello\n\n", [message("hello")]],
  ["no space after the colon", "data:hello\n\n", [message("hello")]],
  ["only one space is taken", "data:  hello\n\n", [message(" hello")]],
  ["a tab is not taken", "data:\thello\n\n", [message("\thello")]],
  ["CR", "data: a\rdata: b\r\r", [message("a\nb")]],
  ["CRLF", "data: a\r\ndata: b\r\n\r\n", [message("a\nb")]],
  ["mixed ends", "data: a\r\ndata: b\rdata: c\n\r\n", [message("a\nb\nc")]],
  ["LF CR is two ends", "data: a\n\rdata: b\n\n", [message("a"), message("b")]],
  ["empty data is data", "data\n\ndata:\n\n", [message(""), message("")]],
  ["two empty lines of data", "data\ndata\n\n", [message("\n")]],
  ["an event's name", "event: note\ndata: x\n\ndata: y\n\n", [{ id: "", event: "note", data: "x" }, message("y")]],
  ["an empty name is message", "event: a\nevent:\ndata: x\n\n", [message("x")]],
  ["a name without data is forgotten", "event: a\n\ndata: x\n\n", [message(null), message("x")].map((b, i) => (i ? b : { ...b, event: "a" }))],
  ["an id stays", "id: 1\ndata: x\n\ndata: y\n\n", [message("x", "1"), message("y", "1")]],
  ["an id alone moves the position", "id: 7\n\ndata: x\n\n", [message(null, "7"), message("x", "7")]],
  ["an empty id clears it", "id: 1\ndata: x\n\nid\ndata: y\n\n", [message("x", "1"), message("y")]],
  ["an id with a NUL is ignored", "id: 1\0\ndata: x\n\n", [message("x")]],
  ["a comment", ": hb\ndata: x\n\n", [message("x")]],
  ["unknown fields", "date: x\nDATA: y\n data: z\ndata: w\n\n", [message("w")]],
  ["retry", "retry: 1500\nretry: 1s\nretry: -1\nretry:\nretry: 0020\n", [], [1500, 20]],
  ["a torn block does not count", "data: a\n\ndata: b\nid: 2\n", [message("a")]],
  ["a torn line does not count", "data: a\n\ndata: b", [message("a")]],
  ["a byte order mark", "\ufeffdata: x\n\n", [message("x")]],
  ["only one mark", "\ufeff\ufeffdata: x\n\n", [message(null)]],
  ["a mark in the middle is text", "data: \ufeffx\n\n", [message("\ufeffx")]],
  ["colons in the value", "data: a: b\n\n", [message("a: b")]],
  ["text of all sizes", "data: ä€🎈\u2028\n\n", [message("ä€🎈\u2028")]],
  ["nothing", "\n\n", [message(null), message(null)]],
]) {
  test(`parser: ${name}`, () => {
    assert.deepEqual(parse(stream), { blocks, retries });
    // However the bytes are cut, the same comes out.
    const all = bytes.encode(stream);
    assert.deepEqual(parse(...Array.from(all, (b) => Uint8Array.of(b))), { blocks, retries }, "byte by byte");
    for (let i = 1; i < all.length; i++) {
      assert.deepEqual(parse(all.slice(0, i), new Uint8Array(), all.slice(i)), { blocks, retries }, `cut at ${i}`);
    }
  });
}

test("parser: bytes that are not UTF-8 become U+FFFD", () => {
  const { blocks } = parse("data: a", Uint8Array.of(0xff), "b\n\n");
  assert.deepEqual(blocks, [message("a\ufffdb")]);
});

test("parser: a resumed stream starts with its ID", () => {
  const blocks = [];
  new Parser((b) => blocks.push(b), undefined, "e-5").push(bytes.encode("data: x\n\n"));
  assert.deepEqual(blocks, [message("x", "e-5")]);
});

// serve runs a server whose answers are the given functions, one a request, and
// gives what it was asked.
async function serve(t, answer) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    asked.push({ method, url, headers, body });
    answer({ method, url, headers, body, n: asked.length }, response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => (server.closeAllConnections(), server.close()));
  return { url: `http://127.0.0.1:${server.address().port}/chat`, asked };
}

const hello = (id, more = "") =>
  `retry: 20\nid: ${id}\nevent: hello\ndata: {"ns":"demo","rooms":["lobby"],"member":"m","heartbeat":15,"resumed":${id !== "e-0"}}\n\n${more}`;
const said = (n) => `id: e-${n}\nevent: message\ndata: {"id":"e-${n}","room":"lobby","event":"message","data":"${n}","time":"2026-01-01T00:00:00.000Z"}\n\n`;
const stream = (response, text) => {
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
  response.write(text);
};
const problem = (response, status, code, headers = {}) => {
  response.writeHead(status, { "Content-Type": "application/problem+json", ...headers });
  response.end(JSON.stringify({ type: code, title: code, status, code, detail: code }));
};
const reached = (connection, state) =>
  new Promise((done) => connection.watch((change) => change.state === state && done(change)));
const open = (t, url, options = {}) => {
  const connection = connect({ server: url, namespace: "demo", rooms: ["lobby"], connectionId: "0123456789abcdef", ...options });
  t.after(() => connection.close());
  return connection;
};

test("a stream comes back where it was, over every kind of end", async (t) => {
  const turns = [
    (r) => (stream(r, hello("e-0", said(1))), r.end()), // an orderly end
    (r) => (stream(r, hello("e-1", said(2) + "id: e-3\ndata: torn")), setTimeout(() => r.destroy(), 20)), // a cut
    (r) => (r.writeHead(502), r.end("bad gateway")),
    (r) => (r.writeHead(200, { "Content-Type": "text/html" }), r.end("<p>please log in")),
    (r) => (stream(r, 'retry: 20\nevent: bye\ndata: {"reason":"busy","reconnect":true}\n\n'), r.end()),
    (r) => problem(r, 503, "unavailable"),
    (r) => stream(r, hello("e-2", said(3) + "id: e-9\n\n" + said(10))),
  ];
  const { url, asked } = await serve(t, ({ n }, response) => turns[n - 1](response));
  const connection = open(t, url, { last: 5 });
  const heard = [];
  await new Promise((done) => connection.on("message", (e) => heard.push(e.data) === 4 && done()));
  assert.deepEqual(heard, ["1", "2", "3", "10"]);
  assert.deepEqual(asked.map((a) => a.headers["last-event-id"]), [undefined, "e-1", "e-2", "e-2", "e-2", "e-2", "e-2"]);
  assert.equal(asked[0].url, "/chat/demo?room=lobby&last=5");
  assert.equal(asked[1].url, "/chat/demo?room=lobby");
  for (const { headers } of asked) assert.equal(headers["connection-id"], "0123456789abcdef");
  assert.equal(connection.position, "e-10");
});

test("a bye that says not to come back is obeyed", async (t) => {
  const { url, asked } = await serve(t, (_, r) => {
    stream(r, hello("e-0") + 'id: e-0!\nevent: bye\ndata: {"reason":"kicked","reconnect":false}\n\n' + said(1));
  });
  const connection = open(t, url);
  connection.on("message", () => assert.fail("nothing comes after a bye"));
  assert.equal((await reached(connection, "closed")).reason, "kicked");
  assert.equal(connection.position, "e-0");
  assert.equal(asked.length, 1);
  await assert.rejects(connection.send("lobby", "x"));
});

test("204 and a refusal by the server end it, a stranger's refusal does not", async (t) => {
  const gone = await serve(t, (_, r) => (r.writeHead(204), r.end()));
  await reached(open(t, gone.url), "closed");
  const refused = await serve(t, (_, r) => problem(r, 403, "forbidden"));
  assert.equal((await reached(open(t, refused.url), "closed")).error.code, "forbidden");
  const proxy = await serve(t, ({ n }, r) => (n === 1 ? (r.writeHead(404), r.end("no such site")) : stream(r, hello("e-0"))));
  await reached(open(t, proxy.url), "live");
});

test("a send is repeated with its key, in order, and kept once", async (t) => {
  const kept = new Map();
  let posts = 0;
  const { url, asked } = await serve(t, ({ method, headers, body }, r) => {
    if (method === "GET") return stream(r, hello("e-0"));
    const key = headers["idempotency-key"];
    if (!kept.has(key)) kept.set(key, body);
    switch (++posts) {
      case 1:
        return r.destroy(); // kept, and the answer lost
      case 2:
        return problem(r, 503, "unavailable", { "Retry-After": "0" });
    }
    r.writeHead(201, { "Content-Type": "application/json" });
    r.end(`{"id":"e-${kept.size}","time":"2026-01-01T00:00:00.000Z"}`);
  });
  const connection = open(t, url);
  const answers = await Promise.all([
    connection.send("lobby", "one"),
    connection.send(["a b", "@m"], { n: 2 }, { event: "note", except: "c", ttl: "1h", echo: true, key: "k2" }),
    connection.send("*", Uint8Array.of(1, 2)),
  ]);
  assert.deepEqual(answers.map((a) => a.id), ["e-1", "e-2", "e-3"]);
  assert.deepEqual([...kept.values()], ["one", '{"n":2}', "\x01\x02"]);
  const sent = asked.filter((a) => a.method === "POST");
  assert.deepEqual(sent.slice(0, 3).map((a) => a.headers["idempotency-key"]), Array(3).fill(sent[0].headers["idempotency-key"]));
  assert.equal(sent[0].url, "/chat/demo?to=lobby");
  assert.equal(sent[0].headers["content-type"], "text/plain;charset=utf-8");
  assert.equal(sent[3].url, "/chat/demo?to=a+b&to=%40m&except=c&event=note&ttl=1h&echo=1");
  assert.equal(sent[3].headers["idempotency-key"], "k2");
  assert.equal(sent[4].headers["content-type"], "application/octet-stream");
  assert.equal(connection.pending, 0);
});

test("a refused send rejects and holds up nobody", async (t) => {
  const { url } = await serve(t, ({ method, body }, r) => {
    if (method === "GET") return stream(r, hello("e-0"));
    if (body === "no") return problem(r, 507, "log-full");
    r.writeHead(201);
    r.end('{"id":"e-1","time":""}');
  });
  const connection = open(t, url);
  const [no, yes] = await Promise.allSettled([connection.send("lobby", "no"), connection.send("lobby", "yes")]);
  assert.ok(no.reason instanceof Refusal);
  assert.equal(no.reason.code, "log-full");
  assert.equal(yes.value.id, "e-1");
});

test("after nine minutes a send is not repeated: the server may have forgotten the key", async (t) => {
  const { url, asked } = await serve(t, ({ method }, r) => (method === "GET" ? stream(r, hello("e-0")) : r.destroy()));
  const connection = open(t, url);
  await assert.rejects(connection.send("lobby", "x", { begun: Date.now() - 9.5 * 60_000 }), /not known/);
  assert.equal(asked.filter((a) => a.method === "POST").length, 0);
});

test("volatile is tried once, without a key", async (t) => {
  const { url, asked } = await serve(t, ({ method }, r) => (method === "GET" ? stream(r, hello("e-0")) : problem(r, 503, "unavailable")));
  const connection = open(t, url);
  await assert.rejects(connection.send("lobby", "x", { volatile: true }));
  const [post] = asked.filter((a) => a.method === "POST");
  assert.equal(post.headers["idempotency-key"], undefined);
  assert.equal(post.url, "/chat/demo?to=lobby&volatile=1");
});

test("a handler that throws breaks nothing", async (t) => {
  const { url } = await serve(t, (_, r) => stream(r, hello("e-0", said(1) + said(2))));
  const connection = open(t, url);
  const report = t.mock.method(console, "error", () => {});
  const heard = [];
  connection.on("message", ({ data }) => {
    if (data === "1") throw new Error("mine");
  });
  const all = new Promise((done) => connection.on(null, ({ data }) => data && heard.push(data) === 2 && done()));
  await all;
  assert.deepEqual(heard, ["1", "2"]);
  assert.equal(report.mock.calls[0].arguments[0].message, "mine");
});

test("history asks for a page, with the key where there is one", async (t) => {
  const { url, asked } = await serve(t, ({ url }, r) => {
    if (!url.includes("history")) return stream(r, hello("e-0"));
    r.writeHead(200, { "Content-Type": "application/json" });
    r.end('{"events":[],"more":false}');
  });
  const connection = open(t, url, { key: "secret" });
  assert.deepEqual(await connection.history({ before: "e-9", limit: 2 }), { events: [], more: false });
  const page = asked.find((a) => a.url.includes("history"));
  assert.equal(page.url, "/chat/demo/-/history?room=lobby&before=e-9&limit=2");
  assert.equal(page.headers.authorization, "Bearer secret");
});

test("a stream that dies in silence is opened anew", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  let opened = 0;
  const { url } = await serve(t, (_, r) => {
    opened++;
    stream(r, hello("e-0"));
  });
  const connection = open(t, url);
  const live = () => new Promise((done) => { const off = connection.on("hello", () => (off(), done())); });
  await live();
  t.mock.timers.tick(34_000);
  assert.equal(opened, 1);
  const again = live();
  const waiting = reached(connection, "waiting");
  t.mock.timers.tick(1_100);
  await waiting;
  t.mock.timers.tick(5_000);
  await again;
  assert.equal(opened, 2);
});
