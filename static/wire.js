// The wire drawer shows what really goes over the wire: each frame as it arrives,
// and each request as the curl command that would say the same.

import { quote } from "./address.js";
import { $, button, copyText, icon, make, words } from "./elements.js";

const KEPT = 500; // lines
const MASK = "••••••••";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

// overhear tells every request that the page makes of the server; what tell gives
// is called with how it ended.
function overhear(base, tell) {
  const real = globalThis.fetch;
  globalThis.fetch = async (address, init = {}) => {
    const url = new URL(address, base);
    const ended = url.href.startsWith(base.href) ? tell(url, init) : () => {};
    try {
      const response = await real(address, init);
      ended(response.status);
      return response;
    } catch (err) {
      ended(err.name === "AbortError" ? "ended" : "no answer");
      throw err;
    }
  };
}

function curl(url, { method = "GET", headers, body }) {
  const parts = ["curl"];
  const all = Object.entries(headers ?? {});
  if (all.some(([, value]) => value === "text/event-stream")) parts.push("-N");
  else if (method !== "GET" && !(method === "POST" && body !== undefined)) parts.push("-X", method);
  for (const [name, value] of all) parts.push("-H", quote(`${name}: ${value}`));
  if (body !== undefined) parts.push("--data-raw", quote(typeof body === "string" ? body : "(bytes)", true));
  parts.push(quote(url.href));
  return parts.join(" ");
}

export class Wire {
  #list = $("wire-lines");
  #lines = [];
  #secret = () => "";
  #paused = false;
  #held = 0;
  #open = false;

  // The requests are heard from now on, the frames from attach on.
  constructor(base) {
    overhear(base, (url, init) => {
      const line = this.#add({ up: true, head: `${init.method ?? "GET"} …`, text: curl(url, init) });
      return (status) => {
        line.head = `${init.method ?? "GET"} ${status}`;
        if (line.el) words(line.el.querySelector("b"), line.head);
      };
    });
    for (const id of ["wire-switch", "menu-wire"]) $(id).addEventListener("click", () => this.toggle());
    $("wire-close").addEventListener("click", () => this.toggle(false));
    $("wire-clear").addEventListener("click", () => {
      this.#lines = [];
      this.#list.replaceChildren();
    });
    $("wire-pause").addEventListener("click", () => this.#pause(!this.#paused));
    $("wire-copy").addEventListener("click", () => copyText(this.#lines.map((line) => this.#plain(line)).join("\n\n"), $("wire-copy")));
    $("wire-secrets").addEventListener("change", () => this.#redraw());
  }

  // attach hears a connection's frames. Its ID is a secret: who holds it speaks as
  // this person.
  attach(connection) {
    this.#secret = () => connection.connectionId;
    connection.tap(({ id, event, data }) => {
      const frame = data === null ? [": hb", `id: ${id}`] : [...(id ? [`id: ${id}`] : []), `event: ${event}`, `data: ${data}`];
      this.#add({ up: false, head: data === null ? "heartbeat" : event, text: frame.join("\n") });
    });
  }

  toggle(open = !this.#open) {
    if (open === this.#open) return;
    this.#open = open;
    $("wire").hidden = !open;
    $("wire-switch").ariaExpanded = String(open);
    if (open) {
      this.#redraw();
      this.#list.focus();
    } else {
      this.#list.replaceChildren();
      $("words").focus();
    }
  }

  #pause(paused) {
    this.#paused = paused;
    this.#held = 0;
    $("wire-pause").ariaPressed = String(paused);
    words($("wire-pause"), paused ? "resume" : "pause");
    if (!paused) this.#redraw();
  }

  #add(line) {
    line.time = clock.format();
    this.#lines.push(line);
    if (this.#lines.length > KEPT) this.#lines.shift();
    if (!this.#open) return line;
    if (this.#paused) {
      words($("wire-pause"), `resume, ${++this.#held} held`);
      return line;
    }
    this.#follow(() => {
      this.#list.append(this.#draw(line));
      while (this.#list.childElementCount > KEPT) this.#list.firstElementChild.remove();
    });
    return line;
  }

  #redraw() {
    this.#list.replaceChildren(...this.#lines.map((line) => this.#draw(line)));
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #follow(change) {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    change();
    if (scrollHeight - scrollTop - clientHeight < 40) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #masked(text) {
    const secret = this.#secret();
    return secret && !$("wire-secrets").checked ? text.replaceAll(secret, MASK) : text;
  }

  #plain(line) {
    return `${line.up ? "→" : "←"} ${line.time} ${line.head}\n${this.#masked(line.text)}`;
  }

  #draw(line) {
    const copy = button("tool", icon("copy"), () => copyText(this.#masked(line.text), copy), line.up ? "Copy this command" : "Copy this frame");
    const arrow = make("span", "arrow", line.up ? "→" : "←");
    const head = make("p", "", arrow, make("time", "", line.time), make("b", "", line.head), copy);
    line.el = make("li", line.up ? "up" : "down", head, make("pre", "", this.#masked(line.text)));
    return line.el;
  }
}
