// copyText puts text on the clipboard and says so on the button for a moment.
export async function copyText(text, button) {
  const done = (await modern(text)) || ancient(text);
  const label = button.querySelector("svg") ? null : button.textContent;
  button.dataset.copied = done ? "yes" : "no";
  if (label) button.textContent = done ? "copied" : "select it";
  setTimeout(() => {
    delete button.dataset.copied;
    if (label) button.textContent = "copy";
  }, 1500);
  return done;
}

async function modern(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// A page over plain HTTP has no clipboard but this one.
function ancient(text) {
  const area = document.createElement("textarea");
  area.className = "unseen";
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  const before = document.activeElement;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}
