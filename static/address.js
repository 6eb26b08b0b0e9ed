// Addresses of rooms, and the curl lines that use them.

// roomURL gives a room's address.
export function roomURL(base, namespace, room) {
  return new URL(`${encodeURIComponent(namespace)}/${encodeURIComponent(room)}`, base).href;
}

// listenLine and speakLine give what one types in a shell.
export function listenLine(url, format = "") {
  return `curl -N ${quote(url + format)}`;
}

export function speakLine(url, text) {
  // After -d an @ would name a file.
  return `curl ${text[0] === "@" ? "--data-raw" : "-d"} ${quote(text, true)} ${quote(url)}`;
}

// quote gives a word as a shell reads it.
export function quote(word, always = false) {
  return !always && /^[A-Za-z0-9:/._%~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

// parseRoom reads what a person typed, "room" or "namespace/room", and says what
// is wrong with it, if anything.
export function parseRoom(typed, namespace) {
  const parts = typed.trim().split("/");
  const room = parts.pop();
  if (parts.length > 1 || room.includes("\\")) return { trouble: "A room’s name holds no slash." };
  if (parts.length) namespace = parts[0];
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(namespace)) {
    return { trouble: "A namespace is lower-case letters, digits, - and _." };
  }
  if (room === "") return { trouble: "Give the room a name." };
  if (/^[-@]/.test(room) || ["*", ".", ".."].includes(room)) {
    return { trouble: "A room’s name does not start with - or @, and is not *, . or .." };
  }
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(room)) return { trouble: "There is an invisible character in the name." };
  if (new TextEncoder().encode(room).length > 128) return { trouble: "The name is longer than 128 bytes." };
  return { namespace, room };
}

// roomsOf reads a page's address: one room in the path, or some in the query.
export function roomsOf(base, { pathname, search }) {
  const path = pathname.startsWith(base.pathname) ? pathname.slice(base.pathname.length) : "";
  const [namespace = "", room] = path.split("/").map(decode);
  const rooms = room ? [room] : new URLSearchParams(search).getAll("room");
  return { namespace, rooms: rooms.filter((name) => name !== "*") };
}

export function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
