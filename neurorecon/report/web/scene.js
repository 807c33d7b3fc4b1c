"use strict";
// The trees in 3D, drawn by three.js. A frame is drawn only when something changed, so that a page
// left open costs nothing.

const PICK_PIXELS = 6; // how far beside a line a click still means it
const LINE_PIXELS = 2.2;
const PICKED_PIXELS = 4.5;
const ROOT_PIXELS = 5;
// Lines wider than one pixel are two triangles each and more. Without a graphics processor, that
// many of them take seconds a frame; lines of one pixel take a twentieth of that.
const WIDE_IN_SOFTWARE = 10000;

// Whether WebGL runs on the processor. Browsers hide the name of the device or give it.
function inSoftware(context) {
  const names = context.getExtension("WEBGL_debug_renderer_info");
  const name = context.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : context.RENDERER);
  return /swiftshader|llvmpipe|softpipe|basic render/i.test(name);
}

class TreeScene {
  // Throws where the browser has no WebGL 2.
  constructor(canvas, report) {
    this.canvas = canvas;
    this.report = report;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
    this.renderer.setClearColor(0x0b0e14);
    this.scene = new THREE.Scene();
    this.size = new THREE.Vector3(...report.size);
    this.centre = this.size.clone().multiplyScalar(0.5);
    const reach = this.size.length();
    this.camera = new THREE.PerspectiveCamera(25, 1, reach / 1e4, reach * 20);
    this.camera.up.set(0, -1, 0); // y runs down, as in the stack's pictures
    this.controls = new THREE.OrbitControls(this.camera, canvas);
    this.controls.zoomToCursor = true;
    this.controls.addEventListener("change", () => this.requestDraw());
    const pieces = report.layers.reduce((sum, layer) => sum + layer.branch.length, 0);
    const wide = pieces <= WIDE_IN_SOFTWARE || !inSoftware(this.renderer.getContext());
    this.wideLines = report.layers.map((layer) => wideLines(layer.ends, layer.colour, LINE_PIXELS));
    this.lines = wide
      ? this.wideLines
      : report.layers.map((layer) => thinLines(layer.ends, layer.colour));
    this.roots = report.trees.map((tree) => this.rootPoints(tree.roots));
    this.scene.add(...this.lines, ...this.roots, this.box());
    this.picked = null;
    this.drawWanted = false;
    canvas.addEventListener("webglcontextrestored", () => this.requestDraw());
    new ResizeObserver(() => this.fit()).observe(canvas.parentElement);
    this.fit();
    this.lookAlong("z");
  }

  rootPoints(positions) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    const material = new THREE.PointsMaterial({
      color: "#ffffff",
      size: ROOT_PIXELS * this.renderer.getPixelRatio(),
      sizeAttenuation: false,
    });
    return new THREE.Points(geometry, material);
  }

  box() {
    return new THREE.Box3Helper(new THREE.Box3(new THREE.Vector3(), this.size), "#2b3340");
  }

  fit() {
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.renderer.setSize(clientWidth, clientHeight, false);
    this.camera.aspect = clientWidth / Math.max(clientHeight, 1);
    this.camera.updateProjectionMatrix();
    for (const lines of this.wideLines) lines.material.resolution.set(clientWidth, clientHeight);
    this.requestDraw();
  }

  // The whole box, seen as in the projection along that axis.
  lookAlong(axis) {
    const across = axis === "x" ? "z" : "x";
    const down = axis === "y" ? "z" : "y";
    const slope = Math.tan(THREE.MathUtils.degToRad(this.camera.fov / 2));
    const half = Math.max(this.size[down], this.size[across] / this.camera.aspect) / 2;
    const far = (1.05 * half) / slope + this.size[axis] / 2;
    this.controls.target.copy(this.centre);
    this.camera.position.copy(this.centre);
    this.camera.position[axis] += axis === "z" ? -far : far;
    // Straight along y nothing tells which way is up: a hair aside, z runs down.
    if (axis === "y") this.camera.position.z -= 1e-4 * far;
    this.controls.update();
    this.requestDraw();
  }

  requestDraw() {
    if (this.drawWanted) return;
    this.drawWanted = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawWanted = false;
    this.report.layers.forEach((layer, row) => (this.lines[row].visible = layer.visible));
    this.roots.forEach((points) => (points.visible = this.report.rootsVisible));
    this.renderer.render(this.scene, this.camera);
  }

  // The branch under a point of the canvas (CSS pixels from its corner), or null.
  pick(x, y) {
    const { clientWidth, clientHeight } = this.canvas;
    const place = new THREE.Vector2((2 * x) / clientWidth - 1, 1 - (2 * y) / clientHeight);
    const caster = new THREE.Raycaster();
    caster.setFromCamera(place, this.camera);
    caster.params.Line2 = { threshold: 2 * PICK_PIXELS - LINE_PIXELS }; // added to the width
    const shown = this.wideLines.filter((lines, row) => this.report.layers[row].visible);
    let best = null;
    for (const hit of caster.intersectObjects(shown, false)) {
      // How far beside the line, as an angle: the nearest on the screen wins, not in depth.
      const beside = hit.point.distanceTo(hit.pointOnLine) / hit.distance;
      if (best === null || beside < best.beside) best = { beside, hit };
    }
    if (best === null) return null;
    const layer = this.report.layers[this.wideLines.indexOf(best.hit.object)];
    return { tree: layer.tree, branch: layer.branch[best.hit.faceIndex] };
  }

  // Show one branch in white; null: none.
  mark(selection) {
    if (this.picked) {
      this.scene.remove(this.picked);
      this.picked.geometry.dispose();
      this.picked.material.dispose();
    }
    this.picked = null;
    if (selection) {
      const ends = branchEnds(selection.tree, selection.branch);
      this.picked = wideLines(ends, "#ffffff", PICKED_PIXELS);
      this.scene.add(this.picked);
    }
    this.requestDraw();
  }
}

// Lines of constant width on the screen. Where `thinLines` are shown instead, these are never sent
// to the graphics processor and serve for picking alone.
function wideLines(ends, colour, pixels) {
  const geometry = new THREE.LineSegmentsGeometry();
  geometry.setPositions(ends.length ? ends : new Float32Array(6)); // three.js wants one at least
  return new THREE.LineSegments2(
    geometry,
    new THREE.LineMaterial({ color: colour, linewidth: pixels }),
  );
}

function thinLines(ends, colour) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(ends, 3));
  return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: colour }));
}
