// The signs that the page gives: how the connection is, and that there is news.

import { $, browser, words } from "./elements.js";

// announce speaks to those who listen to the page instead of looking at it.
export function announce(text) {
  $("announce").textContent = text.slice(0, 300);
}

// showState keeps the pill true, which tells the one thing worth knowing about the
// connection, and says aloud what matters to somebody who does not see it.
export function showState(connection) {
  const pill = $("pill");
  let change = { state: connection.state };
  let caught = 0; // events heard since the stream came back
  let lost = false;
  let clock;

  function show() {
    let { state, until, reason, error } = change;
    if (state === "waiting" && navigator.onLine === false) state = "offline";
    const waiting = connection.pending ? `, ${connection.pending} waiting` : "";
    // Text and title.
    const [text, title] = {
      live: ["live", "Connected: everything said here arrives"],
      polling: ["polling", "This network buffers, so the page asks again and again"],
      "catching-up": [caught ? `catching up ${caught}` : "live", ""],
      connecting: [(lost ? "reconnecting" : "connecting") + waiting, ""],
      waiting: [`back in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s${waiting}`, "Try again now"],
      offline: [`offline${waiting}`, "Try again now"],
      closed: [reason ? `ended: ${reason}` : "ended", error ? `${error.message}. Reload` : "Reload to come back"],
    }[state];
    // Not touched when nothing changes: a mutation is an event for some readers.
    if (pill.dataset.state !== state) pill.dataset.state = state;
    words($("pill-text"), text);
    pill.title = title;
  }

  connection.watch((next) => {
    change = next;
    clearInterval(clock);
    if (next.state === "waiting") {
      clock = setInterval(show, 250);
      if (!lost) announce("Connection lost");
      lost = true;
    } else if (next.state === "live" || next.state === "polling") {
      if (lost) announce(caught ? `Connected again, ${caught} new` : "Connected again");
      lost = false;
      caught = 0;
    } else if (next.state === "closed") {
      announce(next.error ? `The connection ended: ${next.error.message}` : "The connection ended");
    }
    show();
  });
  connection.on(null, (event) => {
    if (connection.state !== "catching-up" || !event.id) return;
    caught++;
    show();
  });
  pill.addEventListener("click", () => {
    if (change.state === "waiting") connection.reconnect();
    else if (change.state === "closed") location.reload();
  });
  show();
}

// remembered gives a checkbox whose choice the browser remembers.
function remembered(id, otherwise) {
  const box = $(id);
  box.checked = browser.get(id, otherwise);
  box.addEventListener("change", () => browser.set(id, box.checked));
  return box;
}

// Notices tell of messages while one looks elsewhere: aloud, and as notifications.
export class Notices {
  #speak = remembered("speak", true);
  #notify = remembered("notify", false);

  constructor() {
    const box = this.#notify;
    const able = "Notification" in globalThis;
    box.disabled = !able;
    // What was allowed once may have been taken back.
    if (!able || Notification.permission !== "granted") box.checked = false;
    // Nobody is asked who did not ask first.
    box.addEventListener("change", async () => {
      if (!box.checked || Notification.permission === "granted") return;
      box.checked = (await Notification.requestPermission()) === "granted";
      browser.set("notify", box.checked);
      if (!box.checked) announce("This browser does not allow notifications here");
    });
  }

  // news tells of a message: aloud to who looks at its place, and as a notification to
  // who is away; open is called when that is clicked.
  news({ place, name, text, away, aloud, open }) {
    if (this.#speak.checked && aloud) announce(`${name}: ${text}`);
    if (!this.#notify.checked || !away) return;
    try {
      const where = place.private ? `${name}, privately` : `${name} in ${place.label}`;
      const note = new Notification(where, { body: text.slice(0, 200), tag: `parley ${place.key}` });
      note.onclick = () => {
        focus();
        note.close();
        open();
      };
    } catch {
      // Some phones have the word and not the thing.
    }
  }
}
