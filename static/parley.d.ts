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
  /**
   * The private name of this client, 16 to 64 of [A-Za-z0-9_-]: who holds it speaks as this client.
   * Default: in a page the tab's own, kept over reloads and not shared with a duplicated tab; elsewhere a new one.
   */
  connectionId?: string;
  /** The server's key or a token, sent as `Authorization: Bearer`. */
  key?: string;
}

/** An event as the server tells it. */
export interface ParleyEvent {
  /** Absent for a volatile event. */
  id?: string;
  /** The room it was sent to, when that is the only target; else `to`. */
  room?: string;
  to?: string[];
  event: string;
  /** The member that sent it; absent when a back end spoke. */
  from?: string;
  user?: string;
  name?: string;
  data: unknown;
  /** "base64" when `data` is bytes of media type `type`. */
  encoding?: "base64";
  type?: string;
  /** RFC 3339, UTC, milliseconds. */
  time: string;
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

/** Events after `from` up to `to` may be missing, in `room` or, without it, in all rooms. */
export interface Gap {
  room?: string;
  from?: string;
  to: string;
  reason: "expired" | "epoch";
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

export type State = "connecting" | "catching-up" | "live" | "waiting" | "closed";

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

export interface Connection {
  readonly state: State;
  /** The position reached: the ID from which the stream goes on. Empty before the first hello. */
  readonly position: string;
  /** The public name of this client. Empty before the first hello. */
  readonly member: string;
  /** Empty until it is known; private. */
  readonly connectionId: string;
  readonly rooms: string[];
  /** Sends that were not answered yet. */
  readonly pending: number;

  /**
   * Hears one event by name, or every one with null. hello, rooms, presence, gap, erased and bye are the
   * server's own words and nobody else can send them. Gives a function that takes the handler away.
   * Handlers put on in the turn of connect() miss nothing; what one throws is reported, and the stream goes on.
   */
  on(event: "hello", fn: (data: Hello, block: Block) => void): () => void;
  on(event: "gap", fn: (data: Gap, block: Block) => void): () => void;
  on(event: "bye", fn: (data: Bye, block: Block) => void): () => void;
  on(event: string, fn: (data: ParleyEvent, block: Block) => void): () => void;
  on(event: null, fn: (data: any, block: Block) => void): () => void;

  /** Hears every change of state. */
  watch(fn: (change: Change) => void): () => void;

  /** Hears every block as it came, those without data too. */
  tap(fn: (block: Block) => void): () => void;

  /**
   * Sends to rooms, "@member" or "*" (at most 64): a string as text, bytes as they are, anything else as JSON.
   * Sends are posted one after another in the order of the calls. What time would mend (no network, the
   * server away or busy) is repeated with the same key, so that it is kept once, for up to nine minutes from
   * the first attempt; attempts wait while the stream knows the server to be away.
   * Rejects with a Refusal when the server refuses it (nothing was kept), with another Error when it is not
   * known whether it was kept or the connection was closed.
   */
  send(to: string | string[], data: unknown, options?: SendOptions): Promise<Receipt>;

  /** Reads what was said before; the newest 50 by default. Repeats and rejects as send does. */
  history(options?: HistoryOptions): Promise<History>;

  /** Tries again now, when waiting. */
  reconnect(): void;

  /** Ends the stream; sends under way are given up. Cannot be undone. */
  close(): void;
}

/**
 * Opens one stream and keeps it: it comes back after every cut at the position reached, so that nothing is
 * missed and nothing comes twice, obeys `retry`, and watches for streams that died in silence. It ends for good
 * at close(), at a bye that says so, at 204, and at a refusal by the server itself (state "closed").
 */
export function connect(options: Options): Connection;

/** This tab's connection ID for a server; the one connect() uses. */
export function identity(server?: string | URL): Promise<string>;

/** An answer that repeating would not mend. */
export class Refusal extends Error {
  readonly status: number;
  /** The stable code of the problem document; empty when the answer had none. */
  readonly code: string;
}

/** Reads a text/event-stream from bytes, exactly as the WHATWG section says. */
export class Parser {
  /** `lastEventId` is what a resumed stream starts with. */
  constructor(onBlock: (block: Block) => void, onRetry?: (ms: number) => void, lastEventId?: string);
  push(bytes: Uint8Array): void;
}
