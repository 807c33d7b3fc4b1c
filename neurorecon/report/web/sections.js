"use strict";
// Flat pictures of the stack with the trees over them: one slab of slices, and projections along
// the three axes, all to one scale.

// Which coordinate (0 x, 1 y, 2 z) runs across and which down each plane.
const PLANES = {
  slice: { across: 0, down: 1 },
  z: { across: 0, down: 1 },
  x: { across: 2, down: 1 },
  y: { across: 0, down: 2 },
};
const LINE_WIDTH = 1.7; // CSS pixels
const MARKED_WIDTH = 3.5;
const LEAST_PIXELS = 2; // of a plane's side, where a stack is one slice thin
const PIECES_AT_ONCE = 1000; // a path's cost grows faster than its length

class Section {
  constructor(figure, report) {
    this.report = report;
    this.name = figure.dataset.plane;
    this.plane = PLANES[this.name];
    this.frame = figure.querySelector("div");
    this.image = document.createElement("img");
    this.image.alt = "";
    this.canvas = document.createElement("canvas");
    // Drawn by the processor: graphics processors are slow at long thin paths.
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.drawWanted = false;
    this.slab = null; // where set, only pieces that reach into it are drawn
    this.marked = new Float32Array();
    if (report.stack) this.frame.append(this.image);
    this.frame.append(this.canvas);
    if (report.stack && this.name !== "slice") this.image.src = report.stack.projections[this.name];
  }

  // scale: CSS pixels for each unit of length.
  resize(scale) {
    const { across, down } = this.plane;
    const { size, stack } = this.report;
    this.scale = scale;
    this.width = Math.max(size[across] * scale, LEAST_PIXELS);
    this.height = Math.max(size[down] * scale, LEAST_PIXELS);
    this.frame.style.width = `${this.width}px`;
    this.frame.style.height = `${this.height}px`;
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.ceil(this.width * ratio);
    this.canvas.height = Math.ceil(this.height * ratio);
    if (stack) {
      const place = this.image.style;
      place.left = `${stack.low[across] * scale}px`;
      place.top = `${stack.low[down] * scale}px`;
      place.width = `${(stack.high[across] - stack.low[across]) * scale}px`;
      place.height = `${(stack.high[down] - stack.low[down]) * scale}px`;
    }
    this.requestDraw();
  }

  showSlab(slab) {
    this.slab = slab;
    if (slab.picture) this.image.src = slab.picture;
    this.requestDraw();
  }

  mark(ends) {
    this.marked = ends;
    this.requestDraw();
  }

  requestDraw() {
    if (this.drawWanted) return;
    this.drawWanted = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawWanted = false;
    const { context } = this;
    const ratio = window.devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const layer of this.report.layers) {
      if (layer.visible) this.stroke(layer.ends, layer.colour, LINE_WIDTH);
    }
    this.stroke(this.marked, "#ffffff", MARKED_WIDTH);
  }

  stroke(ends, colour, pixels) {
    const { context, scale } = this;
    const { across, down } = this.plane;
    const low = this.slab ? this.slab.low : -Infinity;
    const high = this.slab ? this.slab.high : Infinity;
    context.strokeStyle = colour;
    context.lineWidth = pixels;
    context.beginPath();
    let waiting = 0;
    for (let i = 0; i < ends.length; i += 6) {
      const [from, to] = partBetween(ends[i + 2], ends[i + 5], low, high);
      if (from > to) continue;
      const [x, y] = [ends[i + across] * scale, ends[i + down] * scale];
      const [dx, dy] = [ends[i + 3 + across] * scale - x, ends[i + 3 + down] * scale - y];
      context.moveTo(x + from * dx, y + from * dy);
      context.lineTo(x + to * dx, y + to * dy);
      if (++waiting === PIECES_AT_ONCE) {
        context.stroke();
        context.beginPath();
        waiting = 0;
      }
    }
    context.stroke();
  }
}

// Which part of a way from z = start to z = end lies between low and high: two shares of it, the
// first above the second where there is none.
function partBetween(start, end, low, high) {
  if (Math.max(start, end) < low || Math.min(start, end) > high) return [1, 0];
  if (start === end) return [0, 1];
  const [one, other] = [(low - start) / (end - start), (high - start) / (end - start)];
  return [Math.max(Math.min(one, other), 0), Math.min(Math.max(one, other), 1)];
}
