// What can be said with a slash. Two slashes say one.

import { called } from "./message.js";

// Each is run with the chat and what stands after its name, and gives what is wrong
// with that, if anything.
const COMMANDS = {
  nick: { args: "[name]", what: "be called something else", run: (chat, name) => (name ? chat.rename(name) : chat.askName()) },
  join: { args: "room", what: "join or create a room", run: (chat, room) => (room ? chat.join(room.replace(/^#/, "")) : chat.switch()) },
  leave: { args: "[room]", what: "leave this room", run: leave },
  msg: { args: "@who words", what: "say something privately", run: whisper },
  who: { what: "who is here", run: (chat) => chat.who() },
  clear: { what: "empty this view", run: (chat) => chat.clear() },
  curl: { what: "this room from a terminal", run: (chat) => chat.terminal() },
  help: { what: "commands and keys", run: (chat) => chat.help() },
};

export const list = Object.entries(COMMANDS).map(([name, { args = "", what }]) => ({ value: `/${name}${args && " "}`, label: `/${name}`, args, what }));

// read gives what to do with what was typed: say it, or run it.
export function read(text) {
  if (text.startsWith("//")) return { say: text.slice(1) };
  const [, name, rest] = /^\/(\S*)\s*([^]*)$/.exec(text) ?? [];
  if (name === undefined) return { say: text };
  if (!Object.hasOwn(COMMANDS, name)) return { run: () => `There is no /${name}. /help tells what there is; // says a slash.` };
  return { run: (chat) => COMMANDS[name].run(chat, rest.trim()) };
}

// complete gives the choices for what was typed so far.
export function complete(chat, text) {
  const [, name, space, rest] = /^(\/[a-z]*)(?:(\s+)(.*))?$/.exec(text) ?? [];
  if (!name) return [];
  if (!space) return list.filter(({ label }) => label.startsWith(name));
  if (name === "/msg") return whoever(chat, rest.replace(/^@/, "").toLowerCase());
  if (name !== "/join") return [];
  return chat.directory
    .filter(({ room }) => room.startsWith(rest))
    .map(({ room, count }) => ({ value: `/join ${room}`, label: room, what: count ? `${count} here` : "" }));
}

function whoever(chat, typed) {
  const people = [...chat.people().values()];
  if (people.some((person) => typed.startsWith(`${called(person).toLowerCase()} `))) return [];
  return people
    .filter((person) => called(person).toLowerCase().startsWith(typed))
    .map((person) => {
      // Two of one name are told apart by what they are, not by what they are called.
      const name = called(person);
      const alone = people.filter((other) => called(other) === name).length === 1;
      return { value: `/msg @${alone ? name : person.id} `, label: name, what: alone ? "" : person.id };
    });
}

// A name may hold spaces, so the longest that fits is meant.
function whisper(chat, rest) {
  const typed = rest.replace(/^@/, "");
  const fits = (name) => typed.toLowerCase().startsWith(name.toLowerCase()) && /^(\s|$)/.test(typed.slice(name.length));
  let [who, to] = ["", null];
  for (const person of chat.people().values()) {
    for (const name of [called(person), person.id]) if (fits(name) && name.length > who.length) [who, to] = [name, person];
  }
  if (!to) return typed ? `Nobody here is called ${typed.split(/\s/)[0]}. /who tells who is.` : "To whom? /msg @name words";
  const text = typed.slice(who.length).trim();
  chat.go(`@${to.id}`);
  if (text) chat.say(text);
}

function leave(chat, room) {
  const key = room.replace(/^#/, "") || chat.current.key;
  return chat.places.has(key) ? chat.leave(key) : `You are not in ${key}.`;
}
