// The outbox holds what was typed and not yet answered for, so that a reload
// does not lose it. Every message has its key from the beginning; under the same
// connection ID the server keeps it once.

const alphabet = "0123456789abcdefghijklmnopqrstuv";
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(20)), (b) => alphabet[b & 31]).join("");

export function keepOutbox(url, connectionId) {
  const slot = `parley outbox ${url}`;
  let items = [];

  function save() {
    try {
      if (items.length) sessionStorage.setItem(slot, JSON.stringify({ connectionId, items }));
      else sessionStorage.removeItem(slot);
    } catch {
      // Full or forbidden: the outbox then lives as long as the page.
    }
  }

  try {
    const kept = JSON.parse(sessionStorage.getItem(slot));
    // A duplicated tab finds a copy of its model's outbox: not its to send.
    if (kept?.connectionId === connectionId) items = kept.items;
  } catch {
    // Nothing that can be read.
  }
  // When the key was first used is not known any more; when it was made, is.
  for (const item of items) item.begun = item.at;
  save();

  return {
    left: () => [...items],
    add(text) {
      const item = { key: newKey(), text, at: Date.now() };
      items.push(item);
      save();
      return item;
    },
    drop(item) {
      items = items.filter((other) => other !== item);
      save();
    },
    rekey(item) {
      item.key = newKey();
      item.at = Date.now();
      save();
    },
  };
}
