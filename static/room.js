// The page of a room: what was said, what is being said, and a place to speak.

import { connect, identity, Refusal } from "../parley.js";
import { listenLine, roomURL, speakLine } from "./address.js";
import { copyText } from "./copy.js";
import { keepOutbox } from "./outbox.js";
import { showState } from "./pill.js";
import { Timeline } from "./timeline.js";

const $ = (id) => document.getElementById(id);

export async function openRoom({ base, namespace, room }) {
  const url = roomURL(base, namespace, room);
  label(base, namespace, room, url);
  $("talk").hidden = false;

  const connectionId = await identity(base);
  const connection = connect({ server: base, namespace, rooms: room, connectionId });
  const outbox = keepOutbox(url, connectionId);
  const timeline = new Timeline({ list: $("timeline"), scroller: $("scroller"), jump: $("jump"), edge: $("edge"), empty: $("empty") });
  let unread = 0;

  showState(connection, { pill: $("pill"), text: $("pill-text"), say: announce });

  // The stream says where now is; the history then asked for reaches at least
  // that far, so that between the two nothing is missed. What both tell is shown
  // once.
  const stop = connection.on("hello", (hello) => {
    stop();
    timeline.member = hello.member;
    $("sheet-you").textContent = `In this tab you are ${hello.member}.`;
    timeline.readHistory((before) => connection.history({ room, before }));
  });

  connection.on("gap", (gap) => timeline.gap(gap));
  connection.on("erased", (erased) => timeline.erased(erased));
  connection.on(null, (event) => {
    // The server's own words have no time.
    if (!event.time || !timeline.add(event)) return;
    if (connection.state === "live") announce(`${timeline.nameOf(event)}: ${timeline.plain(event)}`);
    if (document.hidden) title(++unread);
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) title((unread = 0));
  });
  function title(count) {
    document.title = `${count ? `(${count}) ` : ""}${room} · Parley`;
  }

  // One message on its way: shown at once, marked as kept when the server has it,
  // repeated under the same key so that it is kept once.
  async function deliver(item) {
    timeline.sending(item);
    try {
      const receipt = await connection.send(room, item.text, { key: item.key, begun: item.begun });
      outbox.drop(item);
      timeline.kept(item, receipt);
    } catch (err) {
      if (leaving) return;
      const refused = err instanceof Refusal;
      timeline.failed(item, refused ? `Not sent: ${err.message}` : "It is not known whether this was kept.", {
        again: () => {
          if (!refused) outbox.rekey(item);
          item.begun = undefined;
          deliver(item);
        },
        discard: () => outbox.drop(item),
      });
    }
  }

  let leaving = false;
  addEventListener("pagehide", () => {
    leaving = true;
    connection.close();
  });

  for (const item of outbox.left()) deliver(item);
  composer((text) => {
    deliver(outbox.add(text));
    timeline.toEnd();
  });
}

function label(base, namespace, room, url) {
  document.title = `${room} · Parley`;
  $("place").hidden = false;
  $("place-ns").textContent = namespace;
  $("place-ns").href = new URL(encodeURIComponent(namespace), base).href;
  $("place-room").textContent = room;
  $("words").placeholder = `Message ${room}`;
  $("empty-listen").textContent = listenLine(url, "?format=text");
  $("sheet-text").textContent = listenLine(url, "?format=text");
  $("sheet-sse").textContent = listenLine(url);
  $("sheet-speak").textContent = speakLine(url, "hello");
  $("pill").hidden = $("share").hidden = $("terminal").hidden = false;
  $("share").addEventListener("click", async () => {
    if (await copyText(url, $("share"))) announce("Address copied");
  });
  $("terminal").addEventListener("click", () => $("sheet").showModal());
  $("sheet").addEventListener("click", (event) => {
    if (event.target === $("sheet")) $("sheet").close();
  });
}

function composer(submit) {
  const words = $("words");
  const finger = matchMedia("(pointer: coarse)");
  const fit = () => {
    words.style.height = "auto";
    words.style.height = `${words.scrollHeight}px`;
    $("send").disabled = words.value.trim() === "";
  };
  words.addEventListener("input", fit);
  addEventListener("resize", fit);
  words.addEventListener("keydown", (event) => {
    // An input method's Enter chooses a word; a phone's Enter is a new line, and
    // there the button is beside the thumb.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || finger.matches) return;
    event.preventDefault();
    $("composer").requestSubmit();
  });
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = words.value.replace(/^(?:[^\S\n]*\n)+|\s+$/gu, "");
    if (text === "") return;
    words.value = "";
    fit();
    words.focus();
    submit(text);
  });
  fit();
  if (!finger.matches) words.focus();
}

// announce speaks to those who listen to the page instead of looking at it.
function announce(text) {
  $("announce").textContent = text.slice(0, 300);
}
