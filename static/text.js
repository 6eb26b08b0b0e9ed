// What people type becomes text nodes, links and code, and nothing else: no
// string is ever read as markup.

const TOKEN = /`([^`\n]+)`|\bhttps?:\/\/[^\s<>"`]+/giu;
const EMOJI = /^(?:\p{RI}{2}|\p{Emoji_Presentation}|\p{Emoji}\uFE0F|[\u200D\uFE0F\u20E3\p{Emoji_Modifier}\s])+$/u;

// render gives the nodes of one message.
export function render(text) {
  const out = document.createDocumentFragment();
  let end = 0;
  for (const m of text.matchAll(TOKEN)) {
    const node = m[1] === undefined ? link(m[0]) : code(m[1]);
    if (!node) continue;
    out.append(text.slice(end, m.index), node);
    end = m.index + (m[1] === undefined ? node.textContent : m[0]).length;
  }
  out.append(text.slice(end));
  return out;
}

// onlyEmoji reports whether a message is a few emoji and nothing more.
export function onlyEmoji(text) {
  return text.length <= 40 && text.trim() !== "" && EMOJI.test(text);
}

function code(text) {
  const el = document.createElement("code");
  el.textContent = text;
  return el;
}

function link(text) {
  // The stop that ends a sentence is not part of the address, nor is a bracket
  // that was opened before it.
  for (let before; before !== text; ) {
    before = text;
    text = text.replace(/[.,;:!?'’”»]+$/u, "");
    for (const [open, close] of ["()", "[]", "{}"]) {
      if (text.endsWith(close) && text.split(close).length > text.split(open).length) text = text.slice(0, -1);
    }
  }
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  const a = document.createElement("a");
  a.href = url.href;
  a.textContent = text;
  a.target = "_blank";
  a.rel = "noopener noreferrer";
  return a;
}
