/** Types of parley.js: rooms over plain HTTP, for browsers and for Node 20 or later. */

export interface Options {
  /**
   * Where the server is, with its base path: "https://example.org/chat". In a page the
   * default is the document's base URL; elsewhere it must be given.
   */
  server?: string | URL;
  namespace: string;
  /** Up to 100 rooms, or "*" for everything in the namespace. None: only what is sent to all and to this member. */
  rooms?: string | string[];
  /** Where the first opening starts: an event ID, "all", a duration such as "10m", or an RFC 3339 time. Default: now. */
  since?: string;
  /** Starts the first opening with the newest so many events (at most 1,000). `since` goes before it. */
  last?: number;
  /** The nickname, 1 to 64 bytes. Default: none. */
  name?: string;
  /** What this member says of itself to those who ask for members: any JSON value, at most 4 KiB. Default: nothing. */
  data?: unknown;
  /** Hears `presence`: who is in its rooms, who comes and who goes. Not with the room "*". Default: false. */
  presence?: boolean;
  /**
   * One stream for all tabs of a browser profile that connect to this namespace with `shared`. One tab holds
   * it and passes on what it hears; when that tab goes, another takes over at the position, and nothing is lost
   * or heard twice. All these tabs are one member, with one connection ID; each hears only the rooms it
   * asked for, and what another of them sends, as an event with `own`. `since`, `last`, `name`, `data` and
   * `presence` should be the same in all; `since` and `last` count for the tab that opens the stream first.
   * Ignored where the browser has no Web Locks (a page over plain HTTP), in Node, and with the room "*". Default: false.
   */
  shared?: boolean;
  /** How many emits may wait for their answers; one more is rejected at once. Default: 1000. */
  maxPending?: number;
  /**
   * The private name of this client, 16 to 64 of [A-Za-z0-9_-]: who holds it speaks as this client.
   * Default: in a page the tab's own, kept over reloads and not shared with a duplicated tab (with `shared` the
   * browser profile's); elsewhere a new one.
   */
  connectionId?: string;
  /** The server's key or a token, sent as `Authorization: Bearer`. A function is asked before every request. */
  key?: string | (() => string | Promise<string>);
}

/** An event as the server tells it. */
export interface ParleyEvent<T = any> {
  /** Absent for a volatile event. */
  id?: string;
  /** The room it was sent to, when that is the only target; else `to`. */
  room?: string;
  to?: string[];
  event: string;
  /** The member that sent it; absent when a back end spoke. */
  from?: string;
  user?: string;
  /** The sender's nickname at that moment. */
  name?: string;
  data: T;
  /** "base64" when `data` is bytes of media type `type`. */
  encoding?: "base64";
  type?: string;
  /** RFC 3339, UTC, milliseconds. */
  time: string;
  /** There when the sender wants an answer, until `by`. */
  ack?: { id: string; by: string };
  /**
   * Sent by this very member, from another tab of a shared connection. It comes when it is kept, which may be after
   * events with higher IDs. Volatile ones come too; bytes are as they were sent, not base64.
   */
  own?: true;
}

export interface Hello {
  ns: string;
  rooms: string[];
  member: string;
  connection?: string;
  user?: string;
  /** Seconds of silence after which the server sends a heartbeat. */
  heartbeat: number;
  /** A position was asked for, and nothing is missing. */
  resumed: boolean;
}

/** The rooms of this connection, whoever changed them. */
export interface Rooms {
  rooms: string[];
}

export interface Person {
  /** The member's public ID. */
  id: string;
  user?: string;
  name?: string;
}

/**
 * Who is in a room. With `members` it is the whole state (left out above 500), which comes after `hello` and after a
 * join; later ones tell what changed, at most once a second.
 */
export interface Presence {
  room: string;
  /** Members. */
  count: number;
  /** Different users; an anonymous member is one. */
  users: number;
  members?: Person[];
  joined?: Person[];
  /** Member IDs. */
  left?: string[];
  /** Members with another name. */
  changed?: Person[];
}

/** Events after `from` up to `to` may be missing, in `room` or, without it, in all rooms. */
export interface Gap {
  room?: string;
  from?: string;
  to: string;
  reason: "expired" | "epoch";
}

/** Events that were erased: those of `ids`, or all up to `upto`. */
export interface Erased {
  id: string;
  room: string;
  ids?: string[];
  upto?: string;
  time: string;
}

export interface Bye {
  reason: "replaced" | "kicked" | "forbidden" | "expired" | "drain" | "age" | "busy";
  reconnect: boolean;
}

/** One block of the stream as it came. `data` is null when the block only moved the position. */
export interface Block {
  id: string;
  event: string;
  data: string | null;
}

/** "polling": something on the way holds streams back, so it asks again and again, and misses as little. */
export type State = "connecting" | "catching-up" | "live" | "polling" | "waiting" | "closed";

export interface Change {
  state: State;
  /** With "waiting": when the next attempt is due, in ms since 1970. */
  until?: number;
  /** With "waiting" and "closed": what went wrong, where something did. */
  error?: Error;
  /** With "closed": the reason of the server's bye. */
  reason?: Bye["reason"];
}

export interface SendOptions {
  /** 1 to 64 bytes; default "message". */
  event?: string;
  /** Rooms and @members that are left out. */
  except?: string | string[];
  /** How long it lives, such as "1h". */
  ttl?: string;
  /** Hear it oneself, too. Default: the sender is left out. */
  echo?: boolean;
  /** Not kept and not repeated; only for those who are listening at this moment. */
  volatile?: boolean;
  /** Gives up after so many ms. Default: never. */
  timeout?: number;
  /** The Idempotency-Key, 1 to 255 visible ASCII characters. Default: a new one. Give it to try the same send again. */
  key?: string;
  /** When that key was first used, in ms since 1970, if it was. */
  begun?: number;
}

export interface Receipt {
  /** Absent for a volatile event. */
  id?: string;
  time: string;
  from?: string;
}

/** What is on its way: a promise that also knows its Idempotency-Key, by which `outbox` lists it. */
export interface Sending<T> extends Promise<T> {
  readonly key: string;
}

/** One emit that was not answered yet. */
export interface Pending {
  readonly key: string;
  readonly to: string[];
  readonly event: string;
  readonly data: unknown;
  /** When it was emitted, in ms since 1970. */
  readonly at: number;
  /** When it was first tried; until then nobody can have it. */
  readonly begun?: number;
}

/** The answers to one event. */
export interface Acks<T = any> {
  id?: string;
  time: string;
  from?: string;
  /** How many were asked. */
  expected: number;
  /** In the order they came. Bytes are base64, with `encoding` and `type`. */
  acks: { from: string; data: T; encoding?: "base64"; type?: string }[];
  /** Members that did not answer in time, or were not there. */
  missing: string[];
  /** Nobody is missing. */
  complete: boolean;
}

export interface Member extends Person {
  data?: any;
  rooms: string[];
  /** RFC 3339. */
  since: string;
}

export interface Members {
  count: number;
  users: number;
  members: Member[];
  /** A node of the server did not answer. */
  partial: boolean;
}

export interface RoomList {
  rooms: { room: string; count: number; users: number; /** The newest event's ID. */ last?: string }[];
  more: boolean;
}

export interface HistoryOptions {
  /** Default: the first of the connection's rooms. */
  room?: string;
  /** Only events older than this ID: the newest of them. */
  before?: string;
  /** Only events newer than this ID: the oldest of them. */
  after?: string;
  /** Default 50, at most 500. */
  limit?: number;
}

export interface History {
  /** Oldest first, one's own among them. */
  events: ParleyEvent[];
  /** Whether there is more in the direction asked for. */
  more: boolean;
}

/** Answers an event that asked for it; true if that counted, false if it came too late. */
export type Reply = (data?: unknown) => Promise<boolean>;

/** A handler: `reply` is there when the event asks for an answer. */
export type Handler<T> = (data: T, block: Block, reply?: Reply) => void;

/**
 * Where an emit goes, and how. Each call gives a new chain and leaves the old one as it was, so a chain can be kept
 * and used again: `const others = connection.to("lobby").except("quiet")`.
 */
export interface Chain<R = Receipt> {
  /** Adds targets: rooms, "@member", or "*" for everyone in the namespace; at most 64. Without any: the connection's rooms. */
  to(...targets: (string | string[])[]): Chain<R>;
  /** Leaves out those who are in one of these rooms, and @members; at most 64. */
  except(...targets: (string | string[])[]): Chain<R>;
  /**
   * Gives up after so many ms. What was not tried by then is out of the outbox and nobody hears it. With
   * answers it is also how long the server waits for them: default 5000, at most 25000.
   */
  timeout(ms: number): Chain<R>;
  /** Lives only so long: "1h". */
  ttl(duration: string): Chain<R>;
  /** For those who listen at this moment: not kept, not repeated, dropped (the promise gives null) when not connected. */
  readonly volatile: Chain<Receipt | null>;
  /** Hears it oneself, too. */
  readonly echo: Chain<R>;

  /**
   * Sends an event: a string as text, bytes as they are, anything else as JSON, nothing as null. The sender does not hear it.
   * Emits, joins and leaves are posted one after another in the order of the calls; volatile ones at
   * once. What time would mend (no network, the server away or busy) is repeated under the same key, so that it is
   * kept once, for up to nine minutes from the first attempt; attempts wait while the server is away.
   * Rejects with a Refusal when the server refuses it (nothing was kept), with an Error named "TimeoutError" after timeout(),
   * and with another Error when the outbox is full, the connection was closed, or it is not known whether it was kept.
   */
  emit(event: string, data?: unknown): Sending<R>;
  /**
   * Asks those who hear it for answers, as emitWithAck does. `err` is null when all have answered; when
   * somebody is missing it is an Error, and `answers` has what came.
   */
  emit<T = any>(event: string, data: unknown, callback: (err: Error | null, answers?: Acks<T>) => void): Sending<Acks<T>>;
  /**
   * Asks those who hear it for answers and waits for them, for 5 s or for timeout(). Somebody missing is no error:
   * look at `complete`. Rejects as emit does. What is emitted after it waits for these answers a second at most.
   */
  emitWithAck<T = any>(event: string, data?: unknown): Sending<Acks<T>>;
}

export interface Connection extends Chain {
  readonly state: State;
  /** The stream is there: "live", "catching-up" or "polling". */
  readonly connected: boolean;
  /** The stream came back where it was, and nothing is missing. */
  readonly recovered: boolean;
  /** The position reached: the ID from which the stream goes on. Empty before the first hello. */
  readonly position: string;
  /** The public name of this client, over reconnects and restarts. Empty before the first hello. */
  readonly member: string;
  /** The same as `member`. */
  readonly id: string;
  /** Empty until it is known; private. */
  readonly connectionId: string;
  /** The rooms it is in (with `shared`: this tab's). */
  readonly rooms: string[];
  /** Emits that were not answered yet: as many as `outbox` has. */
  readonly pending: number;
  /** Emits that were not answered yet, in order; volatile ones are not among them. */
  readonly outbox: readonly Pending[];

  /**
   * Hears one event by name, or every one with null. hello, rooms, presence, gap, erased and bye are the
   * server's own words and nobody else can send them. Gives a function that takes the handler away.
   * Handlers put on in the turn of connect() miss nothing; what one throws is reported, and the stream goes on.
   */
  on(event: "hello", fn: Handler<Hello>): () => void;
  on(event: "rooms", fn: Handler<Rooms>): () => void;
  on(event: "presence", fn: Handler<Presence>): () => void;
  on(event: "gap", fn: Handler<Gap>): () => void;
  on(event: "erased", fn: Handler<Erased>): () => void;
  on(event: "bye", fn: Handler<Bye>): () => void;
  on(event: string, fn: Handler<ParleyEvent>): () => void;
  on(event: null, fn: Handler<any>): () => void;

  /** As on, for the first time only. */
  once(event: string | null, fn: Handler<any>): () => void;

  /** Takes a handler away, or all of an event's. */
  off(event: string | null, fn?: Handler<any>): void;

  /** Hears every change of state. */
  watch(fn: (change: Change) => void): () => void;

  /** Hears every block as it came, those without data too. */
  tap(fn: (block: Block) => void): () => void;

  /** As emit, with its options in one place; the event is "message" unless said. A volatile one may give null. */
  send(to: string | string[], data: unknown, options?: SendOptions & { volatile?: false }): Sending<Receipt>;
  send(to: string | string[], data: unknown, options?: SendOptions): Sending<Receipt | null>;

  /** Answers an event that has `ack`; true if that counted, false if it came too late. Rejects if it was not asked. */
  reply(event: ParleyEvent, data?: unknown): Promise<boolean>;

  /** Joins rooms on the open stream, and again when a restarted server has forgotten. Gives the rooms it then has. */
  join(room: string | string[]): Promise<string[]>;

  /** Leaves rooms; with `shared` the member stays where another tab is. Gives the rooms it then has. */
  leave(room: string | string[]): Promise<string[]>;

  /** Who is in any of these rooms, less those of `except`; everyone in the namespace without `in`. */
  members(who?: { in?: string | string[]; except?: string | string[] }): Promise<Members>;

  /** Changes the nickname and the data; null clears one, what is left out stays. Kept over restarts of the server. */
  describe(self: { name?: string | null; data?: unknown }): Promise<Member>;

  /** The rooms of the namespace in order of name, `limit` (100, at most 1,000) from `after` on. */
  listRooms(page?: { after?: string; limit?: number }): Promise<RoomList>;

  /** Reads what was said before; the newest 50 by default. Repeats and rejects as emit does. */
  history(options?: HistoryOptions): Promise<History>;

  /**
   * Any other call of the namespace, such as request("DELETE", "/-/history/" + id, { room }), under this connection's
   * ID and key. A body is sent as JSON. Repeated while time would mend it: for calls that may be made twice.
   */
  request(method: string, path: string, query?: Record<string, unknown>, body?: unknown): Promise<any>;

  /** Tries again now: when waiting, or when the stream has been silent for too long. */
  reconnect(): void;

  /** Ends the stream; what is on its way is given up. The server keeps the member for its grace. Cannot be undone. */
  close(): void;

  /** As close, and tells the server, so that the member is gone at once. With `shared` it only closes this tab's. */
  disconnect(): void;
}

/**
 * Opens one stream and keeps it: it comes back after every cut at the position reached, so that nothing is
 * missed and nothing comes twice, obeys `retry`, and watches for streams that died in silence. Where streams do not get
 * through it falls back to EventSource and to polling. It ends for good at close(), at a bye that says so, at 204, and at
 * a refusal by the server itself (state "closed").
 */
export function connect(options: Options): Connection;

/** This tab's connection ID for a server; the one connect() uses without `shared`. */
export function identity(server?: string | URL): Promise<string>;

/** An answer that repeating would not mend. */
export class Refusal extends Error {
  readonly status: number;
  /** The stable code of the problem document; empty when the answer had none. */
  readonly code: string;
  /** How long the server asked to be left alone, in ms; 0 when it did not. */
  readonly wait: number;
}

/** Reads a text/event-stream from bytes, exactly as the WHATWG section says. */
export class Parser {
  /** `lastEventId` is what a resumed stream starts with. */
  constructor(onBlock: (block: Block) => void, onRetry?: (ms: number) => void, lastEventId?: string);
  push(bytes: Uint8Array): void;
}
