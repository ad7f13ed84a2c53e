// The drawings: of each its pictures as they appear, and what can be done with them.

import { fileOf, unpacked } from "/server.js";

const KEY = "pixace.drawings";
const MOST_KEPT = 24;
const FRAMES = 12; // in which what has come is shown, so that pictures grow instead of jumping

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function spelled(bits) {
  return bits === null || bits === undefined ? "" : `${bits.toFixed(2)} bits/pixel`;
}

// One tile of a drawing: a canvas that grows, and its words below.
class Tile {
  constructor(width, height, number, choose) {
    this.canvas = element("canvas", { width, height, className: "pixels chequered" });
    this.image = element("img", { className: "pixels chequered", hidden: true, alt: "" });
    this.words = element("span");
    this.button = element("button", { type: "button", className: "tile", onclick: choose },
      this.canvas, this.image, this.words);
    this.button.setAttribute("aria-pressed", "false");
    this.button.setAttribute("aria-label", `Picture ${number + 1}`);
    this.number = number;
    this.context = this.canvas.getContext("2d");
  }

  put(place, colour) {
    const x = place % this.canvas.width, y = Math.floor(place / this.canvas.width);
    this.context.clearRect(x, y, 1, 1);
    this.context.fillStyle = `#${colour}`;
    this.context.fillRect(x, y, 1, 1);
  }

  say(bits, text = "") {
    this.words.textContent = [text, spelled(bits)].filter(Boolean).join(": ");
    const name = [`Picture ${this.number + 1}`, this.words.textContent].filter(Boolean).join(", ");
    this.button.setAttribute("aria-label", name);
  }

  async finish({ png, surprise, bits_per_pixel: bits, text }) {
    this.image.src = `data:image/png;base64,${surprise}`;
    this.say(bits, text);
    const picture = new Image();
    picture.src = `data:image/png;base64,${png}`;
    await picture.decode();
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.context.drawImage(picture, 0, 0);
  }

  showSurprise(isShown) {
    this.canvas.hidden = isShown && this.image.src !== "";
    this.image.hidden = !this.canvas.hidden;
  }
}

export class Gallery {
  #place; #drawings = []; #isSurprising = false;

  // `does` has what is done elsewhere: again(order), like(pixels), paintOver(pixels), fail(error).
  constructor(place, does) {
    this.#place = place;
    this.does = does;
    for (const kept of this.#stored().reverse()) this.begin(kept.order, kept.size, kept).restore();
  }

  get isEmpty() { return this.#drawings.length === 0; }

  // Returns a new drawing at the top.
  begin(order, size, kept = null) {
    const drawing = new ShownDrawing(this, order, size, kept);
    this.#place.prepend(drawing.article);
    this.#drawings.unshift(drawing);
    for (const old of this.#drawings.splice(MOST_KEPT)) old.article.remove();
    drawing.showSurprise(this.#isSurprising);
    return drawing;
  }

  remove(drawing) {
    drawing.article.remove();
    this.#drawings = this.#drawings.filter((other) => other !== drawing);
    this.store();
    this.does.changed();
  }

  showSurprise(isShown) {
    this.#isSurprising = isShown;
    for (const drawing of this.#drawings) drawing.showSurprise(isShown);
  }

  store() {
    const kept = this.#drawings.map((drawing) => drawing.kept).filter(Boolean);
    for (; kept.length; kept.pop()) { // the browser has only so much room
      try {
        localStorage.setItem(KEY, JSON.stringify(kept));
        return;
      } catch { /* the oldest goes */ }
    }
    localStorage.removeItem(KEY);
  }

  #stored() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) ?? [];
    } catch {
      return [];
    }
  }
}

class ShownDrawing {
  #gallery; #queue = []; #chosen = 0; #isRunning = false; #ended = () => {};

  constructor(gallery, order, size, kept) {
    this.#gallery = gallery;
    this.order = order;
    this.size = size;
    this.kept = kept;
    this.heading = element("h3", { textContent: order.model });
    this.tools = element("div", { className: "tools" });
    this.tiles = Array.from({ length: order.n_pictures },
      (_, number) => new Tile(size.width, size.height, number, () => this.#choose(number)));
    this.article = element("article", {}, this.heading,
      element("div", { className: "tiles" }, ...this.tiles.map((tile) => tile.button)), this.tools);
    this.article.setAttribute("aria-label", `Drawing with ${order.model}`);
  }

  // Shows what has happened, a little later than it did; see FRAMES.
  take(event) {
    this.#queue.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    requestAnimationFrame(() => this.#run());
  }

  // Waits until all that has been taken is shown.
  shown() {
    return this.#isRunning ? new Promise((resolve) => { this.#ended = resolve; }) : Promise.resolve();
  }

  #run() {
    const isSeen = !document.hidden && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    const count = isSeen ? Math.ceil(this.#queue.length / FRAMES) : this.#queue.length;
    for (const { pixels, bits } of this.#queue.splice(0, count)) {
      for (const [tile, place, colour] of pixels) this.tiles[tile].put(place, colour);
      for (const [tile, value] of Object.entries(bits)) this.tiles[tile].say(value);
    }
    this.#isRunning = this.#queue.length > 0;
    if (!this.#isRunning) this.#ended();
    else if (document.hidden) setTimeout(() => this.#run());
    else requestAnimationFrame(() => this.#run());
  }

  async finish({ id, seed, tiles }) {
    await this.shown();
    this.kept = { id, seed, tiles, order: { ...this.order, seed }, size: this.size };
    await this.restore();
    this.#gallery.store();
  }

  // Shows a whole drawing, and what can be done with it.
  async restore() {
    const { seed, tiles } = this.kept;
    this.heading.textContent = `${this.order.model}, seed ${seed}`;
    this.article.setAttribute("aria-label", `Drawing with ${this.heading.textContent}`);
    const button = (text, act, title = "") => element("button", { type: "button", textContent: text,
      title, onclick: () => Promise.resolve(act()).catch(this.#gallery.does.fail) });
    const { does } = this.#gallery;
    this.tools.replaceChildren(
      button("Save PNG", () => this.#savePng(), "The chosen picture, with its recipe inside"),
      button("Collage", () => this.#saveFile("collage", "png")),
      button("Film", () => this.#saveFile("film", "gif")),
      button("Again", () => does.again(this.kept.order), "The same once more, from the same seed"),
      button("More like this", () => does.like(this.#pixels(), this.order.model),
        "Keeps the upper half of the chosen picture"),
      button("Paint over", () => does.paintOver(this.#pixels(), this.order.model)),
      button("Remove", () => this.#gallery.remove(this)),
    );
    this.#choose(0);
    await Promise.all(this.tiles.map((tile, number) => tile.finish(tiles[number])));
  }

  showSurprise(isShown) {
    for (const tile of this.tiles) tile.showSurprise(isShown);
  }

  #choose(number) {
    this.#chosen = number;
    this.tiles.forEach((tile, i) => tile.button.setAttribute("aria-pressed", String(i === number)));
  }

  #pixels() {
    const { width, height } = this.size;
    return this.tiles[this.#chosen].context.getImageData(0, 0, width, height).data;
  }

  get #name() { return `${this.order.model}-${this.kept.seed}`; }

  #savePng() {
    const bytes = unpacked(this.kept.tiles[this.#chosen].png);
    save(new Blob([bytes], { type: "image/png" }), `${this.#name}-${this.#chosen + 1}.png`);
  }

  async #saveFile(kind, suffix) {
    save(await fileOf(kind, this.kept.id), `${this.#name}.${suffix}`);
  }
}
