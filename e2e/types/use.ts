// Uses every call of parley.js as its types say it may be used, and some as it may
// not. It is compiled, not run.

import { type Acks, type Chain, connect, type Connection, identity, type Member, Parser, type Receipt, Refusal } from "../../static/parley.js";

const c: Connection = connect({
  server: new URL("https://example.org/chat"), namespace: "acme", rooms: ["lobby"], since: "10m", last: 20, name: "Ann",
  data: { colour: "red" }, presence: true, shared: true, maxPending: 10, connectionId: "0123456789abcdef", key: async () => "token",
});

const off: () => void = c.on("message", ({ id, room, data, own }, block, reply) => {
  const text: string | undefined = own ? id : room;
  void text;
  void data.anything;
  void block.data?.length;
  void reply?.({ yes: true }).then((counted: boolean) => counted);
});
off();
c.on("hello", ({ member, resumed }) => void (member.length + Number(resumed)));
c.on("rooms", ({ rooms }) => void rooms.length);
c.on("presence", ({ members, joined, left, changed, count }) => void [members?.[0]?.name, joined, left?.[0]?.length, changed, count]);
c.on("gap", ({ reason }) => void (reason === "epoch"));
c.on("erased", ({ ids, upto }) => void [ids?.length, upto]);
c.on("bye", ({ reconnect }) => void reconnect);
c.on(null, (anything) => void anything.whatever);
c.once("message", (event) => void event.time);
c.off("message");
c.watch(({ state, until, error, reason }) => void [state === "polling", until, error?.message, reason === "kicked"]);
c.tap(({ id, event, data }) => void [id, event, data]);

const others: Chain = c.to("a", ["b", "@m"]).except("c").timeout(500).ttl("1h").echo;
const sent: Promise<Receipt> = others.emit("note", { n: 1 });
const key: string = others.emit("note").key;
const dropped: Promise<Receipt | null> = c.to("a").volatile.echo.emit("typing");
const answers: Promise<Acks<number>> = c.timeout(500).emitWithAck<number>("sum", [1, 2]);
c.emit<number>("sum", [1, 2], (err, acks) => void [err?.message, acks?.acks[0]?.data.toFixed()]);
const plain: Promise<Receipt> = c.send(["a"], "text", { event: "x", ttl: "1h", key, begun: 0 });
const loose: Promise<Receipt | null> = c.send("a", "text", { volatile: true });
// @ts-expect-error: what is volatile may have been dropped
const wrong: Promise<Receipt> = c.volatile.emit("typing");
// @ts-expect-error: an event has a name
c.emit();
// @ts-expect-error: the namespace must be said
connect({ rooms: "lobby" });
// @ts-expect-error: nobody sets this
c.state = "live";

async function all(): Promise<void> {
  const rooms: string[] = [...(await c.join(["a", "b"])), ...(await c.leave("a"))];
  const me: Member = await c.describe({ name: null, data: [1] });
  const { members, partial } = await c.members({ in: rooms, except: "@" + me.id });
  const { rooms: list, more } = await c.listRooms({ after: "a", limit: 10 });
  const { events } = await c.history({ room: "a", before: "e-1", after: "e-0", limit: 5 });
  await c.reply(events[0]!, "answer");
  await c.request("DELETE", "/-/history/e-1", { room: "a" });
  const waiting: number = c.pending + c.outbox.filter((one) => one.begun === undefined && one.to.includes("a")).length;
  void [members[0]?.since, partial, list[0]?.last, more, waiting, c.connected, c.recovered, c.id, c.member, c.connectionId, c.position];
  await Promise.all([sent, dropped, answers, plain, loose, wrong, identity()]).catch((err) => err instanceof Refusal && err.code === "gone" && err.status);
  new Parser((block) => void block.id, (ms) => void ms, "e-1").push(new Uint8Array());
  c.reconnect();
  c.disconnect();
  c.close();
}
void all;
