// Finds out which page this is and starts it. The document is the same at every
// address; its base says where the server is mounted.

import { roomsOf } from "./address.js";
import { Chat } from "./chat.js";
import { $, browser, copyText } from "./elements.js";
import { openLanding } from "./landing.js";

// Light or dark is as the system says, until somebody chooses.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

function theme(name) {
  if (name) root.dataset.theme = name;
  browser.set("theme", name);
  $("dark").checked = isDark();
}

theme(browser.get("theme"));
system.addEventListener("change", () => ($("dark").checked = isDark()));
for (const id of ["theme", "dark"]) $(id).addEventListener("click", () => theme(isDark() ? "light" : "dark"));

for (const button of document.querySelectorAll("button[data-copies]")) {
  button.addEventListener("click", () => copyText($(button.dataset.copies).textContent, button));
}

// A page that comes back out of the browser's cache has lost its stream and its
// place in the room; opening it anew is the one way that is always right.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const base = new URL(document.baseURI);
const { namespace, rooms } = roomsOf(base, location);
if (rooms.length) {
  $("place-ns").textContent = namespace;
  $("place-ns").href = new URL(encodeURIComponent(namespace), base).href;
  new Chat({ base, namespace }).open(rooms);
} else {
  openLanding({ base, namespace });
}
