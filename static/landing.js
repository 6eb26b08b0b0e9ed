// The page at / and at a namespace: a way into a room, and the same from two
// terminals, for this very server.

import { connect } from "../parley.js";
import { listenLine, parseRoom, roomURL, speakLine } from "./address.js";
import { $, make } from "./elements.js";

const FRAMES = 40;

export function openLanding({ base, namespace }) {
  if (namespace) listRooms(base, namespace);
  namespace ||= "demo";
  const name = $("room-name");
  const said = $("say-text");
  let connection = null;
  let opened = null;

  const target = () => parseRoom(name.value, namespace);

  function show() {
    const { room, namespace: ns, trouble } = target();
    if (trouble) return;
    const url = roomURL(base, ns, room);
    $("curl-listen").textContent = listenLine(url);
    $("curl-speak").textContent = speakLine(url, said.value);
  }

  // The stream is opened for those who try it, not for everyone who passes.
  function listen() {
    const { room, namespace: ns, trouble } = target();
    if (connection || trouble) return opened;
    const frames = $("frames");
    frames.hidden = false;
    connection = connect({ server: base, namespace: ns, rooms: room });
    opened = new Promise((done) => connection.on("hello", done));
    connection.tap((block) => {
      const follow = frames.scrollHeight - frames.scrollTop - frames.clientHeight < 20;
      frames.append(frame(block));
      while (frames.childElementCount > FRAMES) frames.firstElementChild.remove();
      if (follow) frames.scrollTop = frames.scrollHeight;
    });
    return opened;
  }

  function hush() {
    connection?.close();
    connection = null;
    $("frames").replaceChildren();
    $("frames").hidden = true;
  }

  $("prefix").textContent = namespace + "/";
  name.addEventListener("input", () => {
    $("room-trouble").textContent = "";
    $("prefix").hidden = name.value.includes("/");
    hush();
    show();
  });
  said.addEventListener("input", show);
  said.addEventListener("focus", () => {
    said.select();
    listen();
  });

  $("open").addEventListener("submit", (event) => {
    event.preventDefault();
    const { room, namespace: ns, trouble } = target();
    $("room-trouble").textContent = trouble ?? "";
    if (trouble) return name.focus();
    location.assign(roomURL(base, ns, room));
  });

  // Sent as the curl line would: with no connection ID, so that nobody, not even
  // the terminal above, is left out.
  $("say").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { room, namespace: ns, trouble } = target();
    if (trouble) return;
    const heard = listen();
    const url = new URL(encodeURIComponent(ns), base);
    url.searchParams.set("to", room);
    const body = said.value;
    try {
      // The terminal above hears what is said after it was opened.
      await Promise.race([heard, new Promise((done) => setTimeout(done, 3000))]);
      const answer = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      said.select();
    } catch (err) {
      $("room-trouble").textContent = `Not sent: ${err.message}.`;
    }
  });

  show();
  // On a phone this would put the keyboard over the page.
  if (!matchMedia("(pointer: coarse)").matches) name.select();
}

// A namespace's page tells which rooms there are.
async function listRooms(base, namespace) {
  const url = new URL(`${encodeURIComponent(namespace)}/-/rooms?limit=50`, base);
  const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return;
  const { rooms } = await answer.json();
  $("here").hidden = rooms.length === 0;
  $("here-list").append(...rooms.map(({ room, count }) => {
    const link = make("a", "", make("bdi", "", room));
    link.href = roomURL(base, namespace, room);
    return make("li", "", link, make("span", "quiet", count ? `${count} here` : ""));
  }));
}

function frame(block) {
  const span = document.createElement("span");
  const lines = [];
  if (block.id) lines.push(`id: ${block.id}`);
  if (block.data !== null) lines.push(`event: ${block.event}`, `data: ${block.data}`);
  span.textContent = lines.join("\n") + "\n\n";
  return span;
}
