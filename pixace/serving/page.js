// The page: a model, a painting and settings become an order; what is drawn goes to the gallery.

import { Gallery } from "/gallery.js";
import { Painting } from "/painting.js";
import { described, drawing, models, packed, snapped } from "/server.js";

const KEY = "pixace.painting";
const at = (name) => document.getElementById(name);

const painting = new Painting(at("painting"), at("cursor"));
let model = null; // what the server says of it
let stopping = null; // aborts the drawing under way

function fail(error) {
  at("error").textContent = error.message;
}

function tell(text) {
  at("status").textContent = text;
}

// --- the model ----------------------------------------------------------------------------------

async function choose(name) {
  model = await described(name);
  at("model").value = name;
  at("says").hidden = !model.knows_words;
  at("class-field").hidden = !model.classes.length;
  at("class").replaceChildren(new Option("any", ""), ...model.classes.map((name) => new Option(name)));
  at("known").replaceChildren(...model.words.map((word) => new Option(word)));
  showSwatches();
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null"); // before it is another one
  painting.reset(model.width, model.height);
  if (kept?.model === name) painting.restore(kept.saved);
  const more = model.alpha ? ", transparency" : "";
  at("about").textContent = `${model.width}×${model.height} pixels, ${model.n_colours} colours${more}`;
}

function showSwatches() {
  const colours = [...model.swatches.map((hex) => `#${hex}`), ...(model.alpha ? ["transparent"] : [])];
  at("swatches").replaceChildren(...colours.map((colour) => {
    const button = document.createElement("button");
    button.type = "button";
    button.role = "radio";
    button.title = button.ariaLabel = colour;
    button.style.background = colour === "transparent" ? "" : colour;
    if (colour === "transparent") button.className = "chequered";
    button.addEventListener("click", () => takeColour(numbers(colour)));
    return button;
  }));
  takeColour(numbers(colours[Math.min(colours.length - 1, 12)]));
}

function numbers(colour) {
  if (colour === "transparent") return [0, 0, 0, 0];
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)).concat(255);
}

function spelled([red, green, blue, alpha]) {
  if (!alpha) return "transparent";
  return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function takeColour(colour) {
  painting.colour = colour;
  const name = spelled(colour), buttons = [...at("swatches").children];
  const chosen = buttons.find((button) => button.title === name);
  for (const button of buttons) {
    button.ariaChecked = String(button === chosen);
    button.tabIndex = button === (chosen ?? buttons[0]) ? 0 : -1;
  }
  if (colour[3]) at("colour").value = name;
  if (!["paint", "fill"].includes(painting.tool)) useTool("paint");
}

at("swatches").addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -12, ArrowDown: 12 };
  const buttons = [...at("swatches").children], now = buttons.indexOf(document.activeElement);
  const next = buttons[now + (steps[event.key] ?? NaN)];
  if (!next) return;
  event.preventDefault();
  next.click();
  next.focus();
});
at("colour").addEventListener("change", async (event) => {
  const pixels = new Uint8ClampedArray(numbers(event.target.value));
  takeColour([...await snapped(model.name, pixels)]);
});
at("model").addEventListener("change", (event) => choose(event.target.value).catch(fail));

// --- the painting -------------------------------------------------------------------------------

function useTool(name) {
  painting.tool = name;
  for (const button of document.querySelectorAll("[data-tool]")) {
    button.ariaPressed = String(button.dataset.tool === name);
  }
}

for (const button of document.querySelectorAll("[data-tool]")) {
  button.addEventListener("click", () => useTool(button.dataset.tool));
}
at("painting").addEventListener("keydown", (event) => {
  const button = document.querySelector(`[data-tool][aria-keyshortcuts="${CSS.escape(event.key)}"]`);
  if (button && !event.ctrlKey && !event.metaKey && !event.altKey) button.click();
});
at("size").addEventListener("change", (event) => { painting.brush = Number(event.target.value); });
at("undo").addEventListener("click", () => painting.undo());
at("redo").addEventListener("click", () => painting.redo());
at("clear").addEventListener("click", () => painting.clear());
painting.addEventListener("pick", () => takeColour(painting.colour));
painting.addEventListener("change", () => {
  at("undo").disabled = !painting.canUndo;
  at("redo").disabled = !painting.canRedo;
  at("clear").disabled = painting.isEmpty;
  const kept = { model: model.name, saved: painting.saved() };
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch { /* no room: it does not outlive a reload */ }
});

// Scales a picture to the model's size, as the model sees it.
async function open(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name || "this"} is no picture that the browser can read`);
  });
  const canvas = new OffscreenCanvas(model.width, model.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.imageSmoothingEnabled = picture.width > model.width || picture.height > model.height;
  if (!model.alpha) {
    context.fillStyle = `#${model.background}`;
    context.fillRect(0, 0, model.width, model.height);
  }
  const [across, down] = [model.width / picture.width, model.height / picture.height];
  const both = model.fit === "crop" ? Math.max(across, down) : Math.min(across, down);
  const [width, height] = model.fit === "squash" ? [model.width, model.height]
    : [picture.width * both, picture.height * both];
  context.drawImage(picture, (model.width - width) / 2, (model.height - height) / 2, width, height);
  const pixels = context.getImageData(0, 0, model.width, model.height).data;
  painting.replace(await snapped(model.name, pixels));
  tell("The picture is there: mark with Redraw what is to be drawn anew.");
}

at("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) open(file).catch(fail);
  event.target.value = "";
});
at("easel").addEventListener("dragover", (event) => {
  event.preventDefault();
  at("easel").classList.add("over");
});
at("easel").addEventListener("dragleave", () => at("easel").classList.remove("over"));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("easel").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) open(file).catch(fail);
});
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) open(file).catch(fail);
});

// --- drawing ------------------------------------------------------------------------------------

function order() {
  const seed = at("seed").value.trim();
  const said = {};
  for (const name of ["symmetry", "tile"]) if (at(name).value) said[name] = at(name).value;
  if (model.knows_words) {
    if (at("text").value.trim()) said.text = at("text").value.trim();
    else if (at("class").value) said.class_name = at("class").value;
    if (said.text || said.class_name) said.guidance = Number(at("guidance").value);
  }
  return {
    model: model.name,
    n_pictures: Number(at("pictures").value),
    temperature: Number(at("temperature").value),
    best_of: Number(at("best").value),
    seed: seed ? Number(seed) : null,
    ...said,
    ...painted(),
  };
}

function painted() {
  if (at("sketch").checked && !painting.isEmpty) {
    return { sketch: packed(painting.pixels), init_strength: Number(at("strength").value) };
  }
  if (!painting.mask.includes(0)) return {};
  return { prompt: packed(painting.pixels), mask: packed(painting.mask) };
}

async function draw(asked) {
  if (stopping) return;
  stopping = new AbortController();
  at("error").textContent = "";
  at("draw").disabled = true;
  at("stop").disabled = false;
  at("progress").hidden = false;
  let shown = null;
  try {
    const { width, height } = asked.model === model.name ? model : await described(asked.model);
    shown = gallery.begin(asked, { width, height });
    changed();
    shown.article.scrollIntoView({ block: "nearest" });
    for await (const event of drawing(asked, stopping.signal)) {
      if (event.waiting) tell(`Waiting: ${event.waiting} to be drawn before this.`);
      if (event.opening) tell("The model gets ready…");
      if (event.pixels) {
        shown.take(event);
        if (event.total && !event.done) tell("Drawing…");
        if (event.total) at("progress").value = event.done / event.total;
      }
      if (event.error) throw new Error(event.error);
      if (event.drawn) await shown.finish(event.drawn);
    }
    if (!shown.kept) throw new Error("The server has stopped.");
    tell("Drawn.");
  } catch (error) {
    if (shown) gallery.remove(shown);
    if (error.name === "AbortError") tell("Stopped.");
    else {
      tell("");
      throw error;
    }
  } finally {
    stopping = null;
    at("draw").disabled = false;
    at("stop").disabled = true;
    at("progress").hidden = true;
    at("progress").value = 0;
  }
}

function stop() {
  stopping?.abort();
}

async function paintOver(pixels, name, isRedrawn) {
  if (name !== model.name) await choose(name);
  painting.replace(pixels, isRedrawn);
  at("painting").scrollIntoView({ block: "nearest" });
}

function changed() {
  at("none").hidden = !gallery.isEmpty;
}

const gallery = new Gallery(at("gallery"), {
  fail,
  changed,
  paintOver,
  again: (asked) => draw(asked),
  like: async (pixels, name) => {
    at("stays").click();
    await paintOver(pixels, name, (place) => place >= Math.ceil(model.height / 2) * model.width);
    await draw({ ...order(), seed: null });
  },
});

at("order").addEventListener("submit", (event) => {
  event.preventDefault();
  draw(order()).catch(fail);
});
at("stop").addEventListener("click", stop);
at("surprise").addEventListener("click", () => {
  const isShown = at("surprise").ariaPressed !== "true";
  at("surprise").ariaPressed = String(isShown);
  gallery.showSurprise(isShown);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
  const isField = event.target.matches("input:not([type=range]), textarea");
  if (isField || !(event.ctrlKey || event.metaKey)) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) painting.redo();
  else painting.undo();
});
// A seam is the least surprising of several: of as many as `predict --tile` draws.
at("tile").addEventListener("change", () => {
  if (at("tile").value && at("best").value === "1") at("best").value = 16;
});
for (const name of ["stays", "sketch"]) {
  at(name).addEventListener("change", () => { at("strength-field").hidden = !at("sketch").checked; });
}
for (const output of document.querySelectorAll("output")) {
  const field = at(output.htmlFor.value);
  const show = () => { output.value = field.value; };
  field.addEventListener("input", show);
  show();
}

async function start() {
  const { models: names, chosen } = await models();
  at("model").replaceChildren(...names.map((name) => new Option(name)));
  await choose(chosen);
  changed();
}

start().catch(fail);
