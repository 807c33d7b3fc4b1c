"use strict";
// Joins the parts: switches, the picked branch, the slider.

const report = readReport();
report.rootsVisible = true;

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text; // never markup: names come from the user's files
  return made;
}

function openScene() {
  try {
    return new TreeScene(document.getElementById("scene"), report);
  } catch (error) {
    document.getElementById("view").classList.add("without");
    document.getElementById("no-webgl").hidden = false;
    return null;
  }
}

const scene = openScene();
const sections = [...document.querySelectorAll("#sections figure")].map(
  (figure) => new Section(figure, report),
);

function redraw() {
  scene?.requestDraw();
  for (const section of sections) section.requestDraw();
}

function addSwitch(name, colour, change) {
  const label = element("label");
  const box = element("input");
  box.type = "checkbox";
  box.checked = true;
  box.addEventListener("change", () => {
    change(box.checked);
    redraw();
  });
  const swatch = element("span");
  swatch.className = "swatch";
  swatch.style.background = colour;
  label.append(box, swatch, element("span", name));
  const item = element("li");
  item.append(label);
  document.getElementById("layers").append(item);
}

for (const layer of report.layers) {
  addSwitch(layer.name, layer.colour, (shown) => (layer.visible = shown));
}
addSwitch("roots", "#ffffff", (shown) => (report.rootsVisible = shown));

function select(selection) {
  const panel = document.getElementById("branch");
  panel.replaceChildren();
  if (selection === null) {
    panel.append(element("p", "none picked"));
  } else {
    const table = element("table");
    for (const [heading, text] of branchFigures(selection.tree, selection.branch)) {
      const row = table.insertRow();
      row.append(element("th", heading), element("td", text));
    }
    panel.append(element("p", `${selection.tree.name}, branch ${selection.branch + 1}`), table);
  }
  const ends = selection ? branchEnds(selection.tree, selection.branch) : new Float32Array();
  scene?.mark(selection);
  for (const section of sections) section.mark(ends);
}

// A click that did not turn the view picks.
function pickOnClick(canvas) {
  let down = null;
  canvas.addEventListener("pointerdown", (event) => (down = event));
  canvas.addEventListener("pointerup", (event) => {
    const moved = Math.hypot(event.clientX - down?.clientX, event.clientY - down?.clientY);
    if (event.button === 0 && moved < 4) select(scene.pick(event.offsetX, event.offsetY));
  });
}

for (const button of document.querySelectorAll("#directions button")) {
  button.addEventListener("click", () => scene?.lookAlong(button.dataset.axis));
}

const sides = report.size.map((side) => side.toFixed(0)).join(" x ");
document.getElementById("box").textContent = `${sides} ${report.unit} (x, y, z)`;

const slider = document.getElementById("slice");

function showSlab() {
  const slab = report.slabs[slider.valueAsNumber];
  const [low, high] = [slab.low, slab.high].map((z) => (z + report.origin[2]).toFixed(1));
  document.getElementById("slice-place").value = `z ${low} to ${high} ${report.unit}`;
  sections.find((section) => section.name === "slice").showSlab(slab);
}

// The slice, the projections along z and x stand side by side where there is room.
function resizeSections() {
  const room = document.getElementById("sections").clientWidth;
  const [x, y, z] = report.size;
  const beside = (room - 40) / (2 * x + z);
  const scale = Math.min(beside, (0.8 * window.innerHeight) / y);
  for (const section of sections) section.resize(scale);
}

document.getElementById("brightness")?.addEventListener("input", (event) => {
  document.documentElement.style.setProperty("--brightness", event.target.value);
});
slider.max = report.slabs.length - 1;
slider.value = Math.floor(report.slabs.length / 2);
slider.addEventListener("input", showSlab);
window.addEventListener("resize", resizeSections);
if (scene) pickOnClick(scene.canvas);
resizeSections();
showSlab();
select(null);
// Both frames later, everything has been drawn once.
requestAnimationFrame(() =>
  requestAnimationFrame(() => {
    document.documentElement.dataset.drawn = Math.round(performance.now());
  }),
);
