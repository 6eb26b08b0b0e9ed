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

test("volatile is tried once, without a key, and dropped when not connected", async (t) => {
  const { url, asked } = await serve(t, ({ method, body }, r) => {
    if (method === "GET") return stream(r, hello("e-0"));
    problem(r, body === "no" ? 403 : 503, "x");
  });
  const connection = open(t, url);
  assert.equal(await connection.volatile.emit("typing"), null);
  await reached(connection, "live");
  assert.equal(await connection.send("lobby", "x", { volatile: true }), null);
  await assert.rejects(connection.volatile.emit("typing", "no"), Refusal);
  const posts = asked.filter((a) => a.method === "POST");
  assert.equal(posts.length, 2);
  assert.equal(posts[0].headers["idempotency-key"], undefined);
  assert.equal(posts[0].url, "/chat/demo?to=lobby&volatile=1");
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
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
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
  t.mock.timers.tick(2_000);
  await waiting;
  t.mock.timers.tick(5_000);
  await again;
  assert.equal(opened, 2);
});

// room is a server of a few lines that has members: streams stay open, posts and
// calls are answered by act, or by what is usual.
async function room(t, act = () => {}) {
  const streams = new Set();
  let last = 0;
  const { url, asked } = await serve(t, (request, response) => {
    if (act(request, response)) return;
    const { method, url, headers } = request;
    const answer = (status, body) => {
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const query = new URL(url, "http://x").searchParams;
    if (method === "GET" && headers.accept === "text/event-stream") {
      stream(response, hello(headers["last-event-id"] ?? "e-0").replace('"lobby"', query.getAll("room").map((r) => JSON.stringify(r)).join()));
      streams.add(response);
      response.on("close", () => streams.delete(response));
    } else if (method === "POST") answer(201, { id: `e-${++last}`, time: "2026-01-01T00:00:00.000Z" });
    else if (url.includes("/members/me?")) answer(200, { rooms: method === "PUT" ? ["lobby", query.get("room")] : ["lobby"], position: "e-0" });
    else answer(200, { id: "m", rooms: ["lobby"] });
  });
  const say = (text) => {
    for (const response of streams) response.write(text);
  };
  const cut = () => {
    for (const response of streams) response.end();
  };
  const calls = () => asked.filter((a) => a.headers.accept !== "text/event-stream");
  return { url, asked, say, cut, calls };
}

const heard = (connection, event) => new Promise((done) => connection.once(event, (data, block, reply) => done({ data, block, reply })));

test("a chain says where and how, and can be used again", async (t) => {
  const { url, calls } = await room(t);
  const connection = open(t, url, { rooms: ["lobby", "tea"] });
  await reached(connection, "live");
  const some = connection.to("a").to(["b", "@m"]).except("c");
  await some.emit("note", { n: 1 });
  await some.echo.ttl("1h").except(["d"]).emit("note", "text");
  await some.volatile.emit("typing");
  await connection.emit("all", new Uint8Array([1, 2]));
  await some.emit("again");
  assert.deepEqual(calls().map((a) => a.url), [
    "/chat/demo?to=a&to=b&to=%40m&except=c&event=note",
    "/chat/demo?to=a&to=b&to=%40m&except=c&except=d&event=note&ttl=1h&echo=1",
    "/chat/demo?to=a&to=b&to=%40m&except=c&event=typing&volatile=1",
    "/chat/demo?to=lobby&to=tea&event=all",
    "/chat/demo?to=a&to=b&to=%40m&except=c&event=again",
  ]);
  assert.deepEqual(calls().map((a) => a.body), ['{"n":1}', "text", "null", "\x01\x02", "null"]);
  assert.deepEqual(calls().map((a) => a.headers["content-type"]), [
    "application/json", "text/plain;charset=utf-8", "application/json", "application/octet-stream", "application/json",
  ]);
});

test("answers are asked for, as a promise and in a callback", async (t) => {
  const some = { id: "e-1", time: "", expected: 2, acks: [{ from: "a", data: 1 }], missing: ["b"], complete: false };
  const all = { ...some, missing: [], complete: true };
  const { url, calls } = await room(t, ({ method, url, body }, r) => {
    if (method !== "POST") return false;
    if (body === "no") problem(r, 400, "bad-parameter");
    else r.end(JSON.stringify(url.includes("to=all") ? all : some));
    return true;
  });
  const connection = open(t, url);
  assert.deepEqual(await connection.to("all").emitWithAck("ask", 1), all);
  assert.deepEqual(await connection.to("some").timeout(800).emitWithAck("ask", 1), some);
  const back = (to, data) => new Promise((done) => to.emit("ask", data, (...both) => done(both)));
  assert.deepEqual(await back(connection.to("all"), 1), [null, all]);
  const [err, answers] = await back(connection.timeout(900), 1);
  assert.match(err.message, /1 did not answer/);
  assert.deepEqual(answers, some);
  assert.equal((await back(connection, "no"))[0].code, "bad-parameter");
  assert.deepEqual(calls().map((a) => new URL(a.url, url).searchParams.get("ack")), ["5000ms", "800ms", "5000ms", "900ms", "5000ms"]);
});

test("what follows a question waits for the answers a second at most", async (t) => {
  let answer;
  const { url, calls } = await room(t, ({ method, url }, r) => {
    if (method !== "POST" || !url.includes("ack=")) return false;
    answer = () => r.end('{"id":"e-1","acks":[],"missing":[],"complete":true}');
    return true;
  });
  const connection = open(t, url);
  const asked = connection.emitWithAck("ask");
  const began = Date.now();
  await connection.emit("after");
  assert.ok(Date.now() - began >= 990, "it did not wait");
  assert.equal(calls().length, 2);
  assert.equal(connection.pending, 1);
  answer();
  assert.equal((await asked).complete, true);
  assert.equal(connection.pending, 0);
});

test("a handler answers with reply", async (t) => {
  const { url, say, calls } = await room(t, ({ url, body }, r) => {
    if (!url.includes("/acks/")) return false;
    if (body === "late") problem(r, 410, "gone");
    else if (body === "not me") problem(r, 403, "forbidden");
    else r.writeHead(204).end();
    return true;
  });
  const connection = open(t, url);
  await reached(connection, "live");
  const ask = `id: e-1\nevent: ask\ndata: {"id":"e-1","room":"lobby","event":"ask","data":1,"time":"","ack":{"id":"e-1","by":""}}\n\n`;
  const asked = heard(connection, "ask");
  say(ask + said(2));
  const { reply, data } = await asked;
  assert.equal(await reply({ yes: 1 }), true);
  assert.equal(await reply("late"), false);
  await assert.rejects(reply("not me"), { code: "forbidden" });
  assert.equal(await connection.reply(data), true);
  assert.deepEqual(calls().map((a) => [a.method, a.url, a.body]), [
    ["POST", "/chat/demo/-/acks/e-1", '{"yes":1}'],
    ["POST", "/chat/demo/-/acks/e-1", "late"],
    ["POST", "/chat/demo/-/acks/e-1", "not me"],
    ["POST", "/chat/demo/-/acks/e-1", "null"],
  ]);
  const plain = heard(connection, "message");
  say(said(3));
  assert.equal((await plain).reply, undefined);
});

test("the outbox is bounded, can be looked at, and forgets what is late", async (t) => {
  let up = false;
  const { url, calls } = await room(t, (_, r) => !up && (r.writeHead(502).end(), true));
  const connection = open(t, url, { maxPending: 3 });
  await reached(connection, "waiting");
  const one = connection.emit("one", { n: 1 });
  const late = connection.timeout(30).emit("late");
  const two = connection.to("tea").emit("two");
  await assert.rejects(connection.emit("four"), /full/);
  assert.equal(connection.pending, 3);
  assert.deepEqual(connection.outbox.map(({ key, to, event, data, begun }) => [key, to, event, data, begun]), [
    [one.key, ["lobby"], "one", { n: 1 }, undefined],
    [late.key, ["lobby"], "late", null, undefined],
    [two.key, ["tea"], "two", null, undefined],
  ]);
  await assert.rejects(late, { name: "TimeoutError", message: /not sent/ });
  assert.equal(connection.pending, 2);
  up = true;
  connection.reconnect();
  assert.deepEqual([(await one).id, (await two).id], ["e-1", "e-2"]);
  assert.deepEqual(calls().map((a) => a.headers["idempotency-key"]), [one.key, two.key]);
});

test("what was tried and is late may have been kept", async (t) => {
  const { url } = await room(t, ({ method }, r) => method === "POST" && (r.destroy(), true));
  const connection = open(t, url);
  const waits = connection.timeout(100).emit("x");
  const next = connection.timeout(200).emit("y");
  await assert.rejects(waits, { name: "TimeoutError", message: /not known/ });
  await assert.rejects(next, { name: "TimeoutError" });
});

test("rooms are joined and left on the open stream, in turn", async (t) => {
  const { url, calls, asked, cut, say } = await room(t);
  const connection = open(t, url, { name: "Ann" });
  // Asked for before there is a stream, they wait for it.
  const [joined, , left] = await Promise.all([connection.join("tea"), connection.emit("hi"), connection.leave("tea")]);
  assert.deepEqual([joined, left], [["lobby", "tea"], ["lobby"]]);
  assert.deepEqual(calls().map((a) => [a.method, a.url]), [
    ["PUT", "/chat/demo/-/members/me?room=tea"],
    ["POST", "/chat/demo?to=lobby&event=hi"],
    ["DELETE", "/chat/demo/-/members/me?room=tea"],
  ]);
  await connection.join("tea");
  const told = heard(connection, "rooms");
  say('event: rooms\ndata: {"rooms":["cellar","lobby","tea"]}\n\n');
  assert.deepEqual((await told).data.rooms, ["cellar", "lobby", "tea"]);
  // A server that has forgotten everything is told by the address.
  const back = heard(connection, "hello");
  cut();
  assert.deepEqual((await back).data.rooms.sort(), ["cellar", "lobby", "tea"]);
  assert.equal(asked.at(-1).url, "/chat/demo?room=lobby&room=tea&room=cellar&name=Ann");
  // And what was taken away is not asked for again.
  const less = heard(connection, "rooms");
  say('event: rooms\ndata: {"rooms":["lobby"]}\n\n');
  await less;
  const again = heard(connection, "hello");
  cut();
  await again;
  assert.equal(asked.at(-1).url, "/chat/demo?room=lobby&name=Ann");
  await connection.join("tea");
  say('event: rooms\ndata: {"rooms":["lobby","tea"]}\n\nevent: rooms\ndata: {"rooms":["lobby"]}\n\n');
  cut();
  await heard(connection, "hello");
  assert.equal(asked.at(-1).url, "/chat/demo?room=lobby&name=Ann");
});

test("a room that is refused is not asked for again, one without a stream is", async (t) => {
  let n = 0;
  const { url, calls, asked, cut } = await room(t, ({ method, url }, r) => {
    if (method !== "PUT") return false;
    if (url.includes("secret")) return problem(r, 403, "forbidden"), true;
    return n++ === 0 && (problem(r, 404, "no-stream"), true);
  });
  const connection = open(t, url);
  await assert.rejects(connection.join("secret"), { code: "forbidden" });
  assert.deepEqual(await connection.join("tea"), ["lobby", "tea"]);
  assert.equal(calls().length, 3);
  const back = heard(connection, "hello");
  cut();
  await back;
  assert.equal(asked.at(-1).url, "/chat/demo?room=lobby&room=tea");
});

test("name and data are put again at every return", async (t) => {
  const { url, calls, asked, cut } = await room(t);
  const connection = open(t, url, { name: "Ann", data: { colour: "red" } });
  await heard(connection, "hello");
  await connection.describe({ name: "Anna" });
  const back = heard(connection, "hello");
  cut();
  await back;
  await connection.describe({ data: null });
  assert.ok(asked.some((a) => a.url === "/chat/demo?room=lobby&name=Ann"));
  assert.ok(asked.some((a) => a.url === "/chat/demo?room=lobby&name=Anna"));
  assert.deepEqual(calls().map((a) => [a.method, a.url, a.body]), [
    ["PATCH", "/chat/demo/-/members/me", '{"name":"Ann","data":{"colour":"red"}}'],
    ["PATCH", "/chat/demo/-/members/me", '{"name":"Anna"}'],
    ["PATCH", "/chat/demo/-/members/me", '{"name":"Anna","data":{"colour":"red"}}'],
    ["PATCH", "/chat/demo/-/members/me", '{"data":null}'],
  ]);
});

test("members, rooms and any other call", async (t) => {
  let n = 0;
  const { url, calls } = await room(t);
  const connection = open(t, url, { key: async () => `k${++n}` });
  await reached(connection, "live");
  await connection.members();
  await connection.members({ in: ["a", "b"], except: "c" });
  await connection.listRooms({ after: "a", limit: 3 });
  await connection.request("DELETE", "/-/members", { in: "*" });
  await connection.request("PATCH", "/-/members/me", {}, { name: null });
  assert.deepEqual(calls().map((a) => [a.method, a.url, a.body]), [
    ["GET", "/chat/demo/-/members", ""],
    ["GET", "/chat/demo/-/members?in=a&in=b&except=c", ""],
    ["GET", "/chat/demo/-/rooms?after=a&limit=3", ""],
    ["DELETE", "/chat/demo/-/members?in=*", ""],
    ["PATCH", "/chat/demo/-/members/me", '{"name":null}'],
  ]);
  assert.deepEqual(calls().map((a) => a.headers.authorization), ["k2", "k3", "k4", "k5", "k6"].map((k) => "Bearer " + k));
});

test("once and off", async (t) => {
  const { url, say } = await room(t);
  const connection = open(t, url);
  await reached(connection, "live");
  const got = [];
  const put = (name) => ({ data }) => got.push(name + data);
  const [a, b, c, d] = ["a", "b", "c", "d"].map(put);
  connection.once("message", a);
  connection.on("message", b);
  connection.on("message", c);
  connection.once("message", d);
  connection.off("message", c);
  connection.off("message", d);
  connection.off("nobody");
  const last = new Promise((done) => connection.on(null, ({ data }) => data === "2" && done()));
  say(said(1) + said(2));
  await last;
  assert.deepEqual(got, ["a1", "b1", "b2"]);
  connection.off("message");
  connection.off(null);
  const end = heard(connection, "message");
  say(said(3));
  await end;
  assert.deepEqual(got, ["a1", "b1", "b2"]);
});

test("disconnect tells the server, close does not", async (t) => {
  const gone = [];
  const { url } = await room(t, ({ method, url, headers }, r) => method === "DELETE" && (gone.push([url, headers["connection-id"]]), r.end("{}"), true));
  const connection = open(t, url);
  await reached(connection, "live");
  connection.close();
  assert.equal(connection.connected, false);
  const other = open(t, url);
  await reached(other, "live");
  assert.equal(other.id, "m");
  other.disconnect();
  while (!gone.length) await new Promise((done) => setTimeout(done, 10));
  assert.deepEqual(gone, [["/chat/demo/-/members/me", "0123456789abcdef"]]);
  await assert.rejects(other.emit("x"), /closed/);
});

test("where streams are held back it polls, and says so", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const polls = [];
  const { url, asked } = await serve(t, ({ method, url, headers }, r) => {
    if (headers.accept === "text/event-stream") return; // buffered
    if (method === "PATCH") return r.end('{"id":"m","rooms":["lobby"]}');
    polls.push([url, headers["last-event-id"]]);
    r.setHeader("Content-Type", "application/json");
    const event = (n) => `{"event":"message","id":"e-${n}","room":"lobby","data":"${n}","time":"2026-01-01T00:00:00.000Z"}`;
    if (polls.length === 1) r.end(`{"events":[${event(4)}],"next":"e-5"}`);
    if (polls.length === 2) r.end(`{"events":[{"event":"gap","to":"e-6","reason":"expired"},${event(7)}],"next":"e-7"}`);
    if (polls.length === 3) r.end('{"events":[{"event":"bye","reason":"kicked","reconnect":false}],"next":"e-8"}');
  });
  const connection = open(t, url, { last: 3, name: "Ann" });
  const words = [];
  connection.on(null, (data, block) => words.push([block.event, block.id, data.data ?? data.member ?? data.reason]));
  const states = [];
  connection.watch(({ state }) => states.push(state));
  const over = reached(connection, "closed");
  while (!asked.length) await new Promise((done) => setTimeout(done, 5));
  t.mock.timers.tick(6000);
  assert.equal((await over).reason, "kicked");
  assert.deepEqual(states, ["connecting", "connecting", "polling", "closed"]);
  assert.deepEqual(words, [["hello", "", "m"], ["message", "e-4", "4"], ["gap", "e-5", "expired"], ["message", "e-7", "7"], ["bye", "e-7", "kicked"]]);
  assert.deepEqual(polls, [
    ["/chat/demo?room=lobby&name=Ann&wait=0s&last=3", undefined],
    ["/chat/demo?room=lobby&name=Ann&wait=25s&last=3", "e-5"],
    ["/chat/demo?room=lobby&name=Ann&wait=25s&last=3", "e-7"],
  ]);
});

test("an EventSource is tried before polling, where it is as good", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const { url, asked } = await serve(t, () => {});
  const made = [];
  globalThis.EventSource = class {
    on = {};
    constructor(at) {
      this.at = new URL(at);
      made.push(this);
    }
    addEventListener(event, fn) {
      this.on[event] = fn;
    }
    say(event, lastEventId, data) {
      this.on[event]?.({ lastEventId, data: JSON.stringify(data) });
    }
    close() {
      this.closed = true;
    }
  };
  t.after(() => delete globalThis.EventSource);
  const connection = open(t, url, { last: 3 });
  const words = [];
  connection.on("message", ({ data }) => words.push(data));
  while (!asked.length) await new Promise((done) => setTimeout(done, 5));
  t.mock.timers.tick(6000);
  while (!made.length) await new Promise((done) => setTimeout(done, 5));
  const [source] = made;
  assert.equal(source.at.search, "?room=lobby&last=3&cid=0123456789abcdef");
  source.say("hello", "e-3", { rooms: ["lobby"], member: "m", heartbeat: 15, resumed: false });
  assert.equal(connection.state, "live");
  connection.on("note", ({ data }) => words.push(data));
  source.say("message", "e-4", { id: "e-4", room: "lobby", event: "message", data: "a" });
  source.say("note", "e-5", { id: "e-5", room: "lobby", event: "note", data: "b" });
  assert.deepEqual(words, ["a", "b"]);
  const waiting = reached(connection, "waiting");
  source.onerror();
  await waiting;
  assert.ok(source.closed);
  connection.reconnect();
  while (made.length < 2) await new Promise((done) => setTimeout(done, 5));
  assert.equal(made[1].at.searchParams.get("since"), "e-5");
});
