// What the page asks of its server.

const KEY = "pixace.token";

// The token comes in the address's fragment, which no server sees, and is kept for this tab.
function takeToken() {
  const given = /#token=([\w-]+)/.exec(location.hash);
  if (given) {
    sessionStorage.setItem(KEY, given[1]);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

const token = takeToken();

async function answered(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { "X-Pixace-Token": token } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer: has it been stopped?");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Error(answer.error ?? `the server says ${response.status}`);
}

function post(path, values, signal) {
  return answered(path, { method: "POST", body: JSON.stringify(values), signal });
}

export async function models() {
  return (await answered("/models", {})).json();
}

export async function described(model) {
  return (await post("/model", { model })).json();
}

// Returns the model's own colours of some pixels, RGBA.
export async function snapped(model, pixels) {
  const answer = await (await post("/snap", { model, pixels: packed(pixels) })).json();
  return unpacked(answer.pixels);
}

export async function fileOf(kind, id) {
  return (await post(`/${kind}`, { id })).blob();
}

// Yields what happens while a drawing is drawn, until it is whole or the signal aborts it.
export async function* drawing(order, signal) {
  const response = await post("/draw", order, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

export function packed(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function unpacked(text) {
  return Uint8ClampedArray.from(atob(text), (letter) => letter.charCodeAt(0));
}
