// The pill tells the one thing worth knowing about the connection.

// showState keeps the pill true. say is told the changes that matter to somebody
// who does not see it.
export function showState(connection, { pill, text, say }) {
  let change = { state: connection.state };
  let caught = 0; // events heard since the stream came back
  let lost = false;
  let clock;

  function words() {
    const waiting = connection.pending ? `, ${connection.pending} waiting` : "";
    switch (change.state) {
      case "live":
        return "live";
      case "catching-up":
        return caught ? `catching up ${caught}` : "live";
      case "waiting":
        if (navigator.onLine === false) return `offline${waiting}`;
        return `back in ${Math.max(1, Math.ceil((change.until - Date.now()) / 1000))} s${waiting}`;
      case "closed":
        return change.reason ? `ended: ${change.reason}` : "ended";
      default:
        return (lost ? "reconnecting" : "connecting") + waiting;
    }
  }

  function show() {
    const state = change.state === "waiting" && navigator.onLine === false ? "offline" : change.state;
    // Not touched when nothing changes: a mutation is an event for some readers.
    if (pill.dataset.state !== state) pill.dataset.state = state;
    const now = words();
    if (text.textContent !== now) text.textContent = now;
    pill.title = {
      live: "Connected: everything said here arrives",
      waiting: "Try again now",
      offline: "Try again now",
      closed: change.error ? `${change.error.message}. Reload` : "Reload to come back",
    }[state] ?? "";
  }

  connection.watch((next) => {
    change = next;
    clearInterval(clock);
    if (next.state === "waiting") {
      clock = setInterval(show, 250);
      if (!lost) say("Connection lost");
      lost = true;
    } else if (next.state === "live") {
      if (lost) say(caught ? `Connected again, ${caught} new` : "Connected again");
      lost = false;
      caught = 0;
    } else if (next.state === "closed") {
      say(next.error ? `The connection ended: ${next.error.message}` : "The connection ended");
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
