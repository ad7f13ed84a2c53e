// The easel: what is to be there when a drawing begins, pixel by pixel.

const MOST_STEPS = 200; // that can be undone
const LONGEST = 640; // edge of the canvas, in its own pixels

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Painting extends EventTarget {
  // Of each pixel: its colour; whether it has one; whether it is to be drawn anew all the same.
  #colours; #painted; #redraw;
  #done = []; #undone = []; #before = null;
  #canvas; #context; #cell = 1; #last = null; #cursor = [0, 0];

  constructor(canvas, cursorText) {
    super();
    this.tool = "paint";
    this.brush = 1;
    this.colour = [0, 0, 0, 255];
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.cursorText = cursorText;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#go(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => this.#end());
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => this.#show());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#show());
  }

  // Begins an empty painting of a model's size.
  reset(width, height) {
    this.width = width;
    this.height = height;
    this.#colours = new Uint8ClampedArray(4 * width * height);
    this.#painted = new Uint8Array(width * height);
    this.#redraw = new Uint8Array(width * height);
    this.#done = [];
    this.#undone = [];
    this.#cursor = [0, 0];
    this.#cell = Math.max(1, Math.floor(LONGEST / Math.max(width, height)));
    this.#canvas.width = width * this.#cell;
    this.#canvas.height = height * this.#cell;
    this.#canvas.setAttribute("aria-label", `Painting, ${width} by ${height} pixels`);
    this.#show();
    this.#changed();
  }

  get isEmpty() { return !this.#painted.includes(1); }
  get canUndo() { return this.#done.length > 0; }
  get canRedo() { return this.#undone.length > 0; }

  // What the server gets of it: colours, and 1 for each pixel that is to be drawn.
  get pixels() { return this.#colours; }
  get mask() { return this.#painted.map((is, place) => (is && !this.#redraw[place] ? 0 : 1)); }

  // Takes the place of all that is there: colours, RGBA, and which of them are to be drawn anew.
  replace(colours, isRedrawn = () => false) {
    this.#remember();
    this.#colours.set(colours);
    this.#painted.fill(1);
    for (let place = 0; place < this.#redraw.length; place++) {
      this.#redraw[place] = isRedrawn(place) ? 1 : 0;
    }
    this.#end();
  }

  clear() {
    this.#remember();
    for (const layer of this.#layers()) layer.fill(0);
    this.#end();
  }

  undo() { this.#step(this.#done, this.#undone); }
  redo() { this.#step(this.#undone, this.#done); }

  // A painting as text that outlives a reload, and back.
  saved() { return this.#layers().map((layer) => [...layer].join(",")); }
  restore(saved) {
    const layers = saved.map((text) => text.split(",").map(Number));
    if (layers.some((layer, i) => layer.length !== this.#layers()[i].length)) return;
    this.#layers().forEach((layer, i) => layer.set(layers[i]));
    this.#show();
    this.#changed();
  }

  #layers() { return [this.#colours, this.#painted, this.#redraw]; }
  #copy() { return this.#layers().map((layer) => layer.slice()); }
  #changed() { this.dispatchEvent(new Event("change")); }

  #remember() { this.#before ??= this.#copy(); }

  #end() {
    this.#last = null;
    if (!this.#before) return;
    const now = this.#layers();
    if (this.#before.some((layer, i) => layer.some((value, at) => value !== now[i][at]))) {
      this.#done.push(this.#before);
      this.#done.splice(0, this.#done.length - MOST_STEPS);
      this.#undone = [];
    }
    this.#before = null;
    this.#show();
    this.#changed();
  }

  #step(from, to) {
    if (!from.length) return;
    to.push(this.#copy());
    from.pop().forEach((layer, i) => this.#layers()[i].set(layer));
    this.#show();
    this.#changed();
  }

  #begin(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#remember();
    this.#last = this.#place(event);
    this.#cursor = this.#last;
    this.#use(...this.#last);
    this.#show();
  }

  #go(event) {
    if (!this.#last) return;
    const [x, y] = this.#place(event), [fromX, fromY] = this.#last;
    const n = Math.max(Math.abs(x - fromX), Math.abs(y - fromY));
    for (let i = 1; i <= n; i++) {
      this.#use(Math.round(fromX + ((x - fromX) * i) / n), Math.round(fromY + ((y - fromY) * i) / n));
    }
    this.#last = this.#cursor = [x, y];
    this.#show();
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * this.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * this.height);
    return [Math.min(Math.max(x, 0), this.width - 1), Math.min(Math.max(y, 0), this.height - 1)];
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (move) {
      const [x, y] = this.#cursor;
      this.#cursor = [
        Math.min(Math.max(x + move[0], 0), this.width - 1),
        Math.min(Math.max(y + move[1], 0), this.height - 1),
      ];
    } else if (event.key === " " || event.key === "Enter") {
      this.#remember();
      this.#use(...this.#cursor);
      this.#end();
    } else {
      return;
    }
    event.preventDefault();
    this.#tell();
    this.#show();
  }

  #tell() {
    const [x, y] = this.#cursor, place = y * this.width + x;
    const colour = this.#hex(place);
    const what = !this.#painted[place] ? "free" : `${colour}${this.#redraw[place] ? ", redrawn" : ""}`;
    this.cursorText.textContent = `row ${y + 1}, column ${x + 1}: ${what}`;
  }

  #hex(place) {
    const [red, green, blue, alpha] = this.#colours.subarray(4 * place, 4 * place + 4);
    if (!alpha) return "transparent";
    return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  }

  #use(x, y) {
    if (this.tool === "fill") return this.#fill(x, y);
    if (this.tool === "pick") {
      const place = y * this.width + x;
      if (!this.#painted[place]) return;
      this.colour = [...this.#colours.subarray(4 * place, 4 * place + 4)];
      this.dispatchEvent(new Event("pick"));
      return;
    }
    const first = Math.floor((this.brush - 1) / 2);
    for (let row = y - first; row < y - first + this.brush; row++) {
      for (let column = x - first; column < x - first + this.brush; column++) {
        if (row >= 0 && row < this.height && column >= 0 && column < this.width) {
          this.#touch(row * this.width + column);
        }
      }
    }
  }

  #touch(place) {
    if (this.tool === "redraw" || this.tool === "keep") {
      this.#redraw[place] = this.tool === "redraw" && this.#painted[place] ? 1 : 0;
      return;
    }
    const isPainted = this.tool !== "erase";
    this.#colours.set(isPainted ? this.colour : [0, 0, 0, 0], 4 * place);
    this.#painted[place] = isPainted ? 1 : 0;
    this.#redraw[place] = 0;
  }

  #fill(x, y) {
    const kind = (place) => (this.#painted[place] ? this.#hex(place) : "free");
    const old = kind(y * this.width + x), seen = new Set(), todo = [[x, y]];
    while (todo.length) {
      const [column, row] = todo.pop(), place = row * this.width + column;
      const isOutside = column < 0 || row < 0 || column >= this.width || row >= this.height;
      if (isOutside || seen.has(place) || kind(place) !== old) continue;
      seen.add(place);
      todo.push([column + 1, row], [column - 1, row], [column, row + 1], [column, row - 1]);
    }
    for (const place of seen) this.#touch(place);
  }

  #show() {
    const size = this.#cell, context = this.#context;
    if (!this.#colours) return;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    const style = getComputedStyle(this.#canvas);
    const accent = style.getPropertyValue("--accent"), paper = style.getPropertyValue("--paper");
    for (let place = 0; place < this.#painted.length; place++) {
      if (!this.#painted[place]) continue;
      const x = (place % this.width) * size, y = Math.floor(place / this.width) * size;
      if (this.#colours[4 * place + 3]) {
        context.globalAlpha = this.#redraw[place] ? 0.4 : 1;
        context.fillStyle = this.#hex(place);
        context.fillRect(x, y, size, size);
        context.globalAlpha = 1;
      } else { // transparent, and to stay so
        context.fillStyle = accent;
        context.fillRect(x + size * 0.4, y + size * 0.4, size * 0.2, size * 0.2);
      }
      if (this.#redraw[place]) this.#hatch(x, y, size, accent, paper);
    }
    if (document.activeElement === this.#canvas) {
      const [x, y] = this.#cursor;
      context.lineWidth = Math.max(2, size / 8);
      for (const [inset, colour] of [[1, paper], [1 + context.lineWidth, accent]]) {
        context.strokeStyle = colour;
        context.strokeRect(x * size + inset, y * size + inset, size - 2 * inset, size - 2 * inset);
      }
    }
  }

  #hatch(x, y, size, accent, paper) {
    const context = this.#context;
    for (const [width, colour] of [[size / 5, paper], [size / 10, accent]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x, y + size);
      context.lineTo(x + size, y);
      context.stroke();
    }
  }
}
