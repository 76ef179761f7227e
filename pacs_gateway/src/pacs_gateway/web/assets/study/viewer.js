/** One scan in NiiVue, with its lesions as NiiVue's drawing layer: quick to change, and the one that a reader can draw on. */

import { Problem } from "../api.js";
import { DRAG_MODE, NVImage, SLICE_TYPE } from "../vendor/niivue.js";
import { brainWindow } from "./brain_window.js";
import { tiles } from "./layouts.js";
import { ScanCanvas } from "./scan_canvas.js";

const LESION = [255, 180, 84];
const CHOSEN = [108, 220, 245];
// [lesion, chosen lesion], as values of the drawing.
export const MARKED = 1;
export const MARKED_CHOSEN = 2;
const ZOOM_STEP = 1.25;
// A program that draws in place of a graphics card takes seconds for a whole window.
const SOFTWARE_RENDER_SCALE = 0.35;

const SINGLE = {
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  render: SLICE_TYPE.RENDER,
};

const OPTIONS = {
  isRadiologicalConvention: true,
  sagittalNoseLeft: true,
  dragAndDropEnabled: false,
  logLevel: "error",
  backColor: [0, 0, 0, 1],
  crosshairColor: [0.42, 0.86, 0.96, 0.75],
  crosshairWidth: 0.6,
  crosshairGap: 6,
  crosshairWidthUnit: "mm",
  fontColor: [0.72, 0.77, 0.82, 1],
  fontMinPx: 13,
  fontSizeScaling: 0.3,
  show3Dcrosshair: true,
  loadingText: "",
  maxDrawUndoBitmaps: 64,
  // The page has shortcuts of its own.
  viewModeHotKey: "",
  clipPlaneHotKey: "",
  cycleClipPlaneHotKey: "",
  mouseEventConfig: {
    leftButton: { primary: DRAG_MODE.crosshair, withShift: DRAG_MODE.pan, withCtrl: DRAG_MODE.measurement },
    rightButton: DRAG_MODE.windowing,
    centerButton: DRAG_MODE.pan,
  },
};

export class Viewer {
  /** A viewer on a canvas that is in the page. `onMove(location)` hears where the crosshair is. */
  static async open(canvas, { onMove = () => {} } = {}) {
    if (!document.createElement("canvas").getContext("webgl2")) {
      throw new Problem({
        title: "This browser cannot show the scan",
        detail: "WebGL 2 is missing or switched off.",
        fix: "Switch on hardware acceleration, or use a current Chrome, Edge, Firefox or Safari. The files are to be had from the HTTP API.",
      });
    }
    const viewer = new Viewer();
    const nv = new ScanCanvas({ ...OPTIONS, onLocationChange: onMove });
    viewer.nv = nv;
    await nv.attachToCanvas(canvas);
    nv.canvas.setAttribute("role", "img");
    nv.drawLut = lut([LESION, CHOSEN]);
    return viewer;
  }

  /** Shows a scan (NIfTI bytes), without lesions as yet; raises AbortError if `signal` ended while it was read. */
  async showScan(bytes, signal) {
    const image = await NVImage.loadFromUrl({ url: "flair.nii.gz", buffer: bytes, name: "flair.nii.gz" });
    // With its view the viewer was closed: there is no WebGL left to draw with.
    signal.throwIfAborted();
    this.image = image;
    this.window = brainWindow(image.img, {
      slope: image.hdr.scl_slope || 1,
      intercept: image.hdr.scl_inter || 0,
      high: image.robust_max,
    });
    [image.cal_min, image.cal_max] = this.window;
    this.nv.addVolume(image);
    this.nv.createEmptyDrawing();
    this.marked = [];
  }

  /** Voxels along right, anterior, superior: the order of what `valuesOf` gives and `drawing` holds. */
  get dims() {
    return this.image.dimsRAS.slice(1, 4);
  }

  /** The scan's middle voxel. */
  get middle() {
    return this.dims.map((voxels) => Math.floor(voxels / 2));
  }

  get voxel_ml() {
    return this.image.pixDimsRAS.slice(1, 4).reduce((product, edge) => product * edge, 1) / 1000;
  }

  get drawing() {
    return this.nv.drawBitmap;
  }

  /** A volume on the scan's grid as it is stored, uint8, turned as `dims` says. */
  static async valuesOf(bytes) {
    const image = await NVImage.loadFromUrl({ url: "volume.nii.gz", buffer: bytes, name: "volume.nii.gz" });
    return Uint8Array.from(image.img2RAS());
  }

  /** Marks these voxels (in ascending order) and no others; those of lesion `chosen` in another colour. */
  mark({ indices, numbers }, chosen) {
    const drawing = this.drawing;
    const [width, height, depth] = this.dims;
    const touched = new Array(depth).fill(false);
    const set = (index, value) => {
      if (drawing[index] === value) return;
      drawing[index] = value;
      touched[Math.floor(index / (width * height))] = true;
    };
    let next = 0;
    for (let n = 0; n < this.marked.length; n += 1) {
      const index = this.marked[n];
      while (next < indices.length && indices[next] < index) next += 1;
      if (indices[next] !== index) set(index, 0);
    }
    for (let n = 0; n < indices.length; n += 1) set(indices[n], numbers[n] === chosen ? MARKED_CHOSEN : MARKED);
    this.marked = indices;
    this.nv.refreshDrawnSlices(touched);
  }

  /** Puts a whole drawing back. */
  restore(drawing) {
    this.drawing.set(drawing);
    this.nv.refreshDrawing(true);
  }

  /** "outline", "fill" or "off". */
  setMaskStyle(style, opacity) {
    this.nv.drawRimOpacity = style === "outline" ? opacity : -1;
    this.nv.drawOpacity = { outline: 0.001, fill: opacity, off: 0 }[style];
    this.nv.renderDrawOpacity = style === "off" ? 0 : opacity;
    this.nv.drawScene();
  }

  /** One of layouts.js. */
  setLayout(name) {
    this.layout = name;
    this.nv.setHighResolutionCapable(name === "render" && this.nv.isSoftware ? SOFTWARE_RENDER_SCALE : 0);
    const { clientWidth, clientHeight } = this.nv.canvas;
    if (name in SINGLE) {
      this.nv.clearCustomLayout();
      this.nv.setSliceType(SINGLE[name]);
    } else this.nv.setCustomLayout(tiles(name, clientWidth > 1.1 * clientHeight));
  }

  /** To a voxel (right, anterior, superior). */
  goTo(place) {
    this.nv.scene.crosshairPos = this.nv.vox2frac(place);
    this.tell();
    this.nv.drawScene();
  }

  /** So many slices on, in the plane that is read: axial, unless another fills the viewer. */
  scroll(slices) {
    const axis = { sagittal: 0, coronal: 1 }[this.layout] ?? 2;
    const step = [0, 0, 0];
    step[axis] = slices;
    this.nv.moveCrosshairInVox(...step);
  }

  zoom(steps) {
    const [x, y, z, zoom] = this.nv.scene.pan2Dxyzmm;
    const scale = steps === 0 ? 1 : Math.max(1, zoom * ZOOM_STEP ** steps);
    const here = this.nv.frac2mm(this.nv.scene.crosshairPos, 0, true);
    const pan = scale === 1 ? [0, 0, 0] : [x, y, z].map((at, axis) => at + (zoom - scale) * here[axis] / scale);
    this.nv.setPan2Dxyzmm([...pan, scale]);
  }

  resetWindow() {
    [this.image.cal_min, this.image.cal_max] = this.window;
    this.nv.updateGLVolume();
  }

  /** The crosshair in millimetres of the scan's world. */
  get crosshair_mm() {
    return [...this.nv.frac2mm(this.nv.scene.crosshairPos, 0, true)].slice(0, 3);
  }

  /** To a place in the world; tells nobody. */
  follow(mm) {
    this.nv.scene.crosshairPos = this.nv.mm2frac(mm, 0, true);
    this.nv.drawScene();
  }

  /** Tells `onMove` where the crosshair is. */
  tell() {
    this.nv.createOnLocationChange();
  }

  millimetres(place) {
    return [...this.nv.frac2mm(this.nv.vox2frac(place), 0, true)].slice(0, 3);
  }

  /** A picture of what is shown now, as a canvas. */
  snapshot() {
    const { canvas } = this.nv;
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    // Drawn anew: the browser forgets what WebGL drew once it is on the screen.
    this.nv.drawScene();
    copy.getContext("2d").drawImage(canvas, 0, 0);
    return copy;
  }

  /** The drawing as a NIfTI file, gzipped, on the scan's own grid. */
  async maskFile() {
    const marked = this.drawing.map((value) => (value ? 1 : 0));
    return this.image.saveToUint8Array("mask.nii.gz", marked);
  }

  close() {
    this.nv.cleanup();
    this.nv.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** NiiVue's table of drawing colours: [r, g, b, alpha] for 256 values. */
function lut(colors) {
  const table = new Uint8ClampedArray(256 * 4);
  colors.forEach((color, n) => table.set([...color, 255], 4 * (n + 1)));
  return { lut: table, labels: Array.from({ length: 256 }, () => "") };
}
