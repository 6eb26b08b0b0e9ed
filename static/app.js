// Finds out which page this is and starts it. The document is the same at every
// address; its base says where the server is mounted.

import { openLanding } from "./landing.js";
import { openRoom } from "./room.js";
import { copyText } from "./copy.js";

const base = new URL(document.baseURI);

function place() {
  const path = location.pathname.startsWith(base.pathname) ? location.pathname.slice(base.pathname.length) : "";
  const [namespace = "", room = new URLSearchParams(location.search).get("room") ?? ""] = path.split("/").map(decode);
  return { namespace, room };
}

function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function theme(choice) {
  try {
    if (choice) localStorage.setItem("parley theme", choice);
    choice ??= localStorage.getItem("parley theme");
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  if (choice) root.dataset.theme = choice;
}

theme();
document.getElementById("theme").addEventListener("click", () => {
  const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
  theme(now === "dark" ? "light" : "dark");
});

for (const button of document.querySelectorAll("button[data-copies]")) {
  button.addEventListener("click", () => copyText(document.getElementById(button.dataset.copies).textContent, button));
}

// A page that comes back out of the browser's cache has lost its stream and its
// place in the room; opening it anew is the one way that is always right.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const { namespace, room } = place();
if (room) openRoom({ base, namespace, room });
else openLanding({ base, namespace });
