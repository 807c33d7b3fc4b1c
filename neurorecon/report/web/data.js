"use strict";
// What the page is about: the JSON in #data, its arrays decoded. All coordinates are x, y, z, told
// from the low corner of the box around everything, in the unit of the page.

function decodeBytes(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

// Layers of all trees in one list, in the order in which they are drawn. `ends` holds six numbers a
// piece (start, end), `branch` the row of the tree's figures that the piece belongs to.
function readReport() {
  const report = JSON.parse(document.getElementById("data").textContent);
  report.layers = [];
  for (const tree of report.trees) {
    tree.roots = new Float32Array(decodeBytes(tree.roots));
    tree.figures = new Float32Array(decodeBytes(tree.figures));
    for (const layer of tree.layers) {
      layer.tree = tree;
      layer.visible = true;
      layer.ends = new Float32Array(decodeBytes(layer.ends));
      layer.branch = new Uint32Array(decodeBytes(layer.branch));
      report.layers.push(layer);
    }
  }
  return report;
}

// The ends of all pieces of one branch, from every layer of its tree.
function branchEnds(tree, branch) {
  const ends = [];
  for (const layer of tree.layers) {
    layer.branch.forEach((row, piece) => {
      if (row === branch) ends.push(...layer.ends.subarray(6 * piece, 6 * piece + 6));
    });
  }
  return new Float32Array(ends);
}

// Name and text of each figure of a branch.
function branchFigures(tree, branch) {
  const columns = tree.headings.length;
  return tree.headings.map((heading, column) => {
    const value = tree.figures[branch * columns + column];
    return [heading, Number.isFinite(value) ? value.toFixed(1) : "–"];
  });
}
