/** NiiVue, without what this page does not use, and with an opacity of its own for lesions in the render. */

import { Niivue } from "../vendor/niivue.js";

export class ScanCanvas extends Niivue {
  renderDrawOpacity = 1;

  /**
   * NiiVue works out the scan's gradient for lighting, which is off here: seconds without a graphics card. Its drawing calls
   * then discard all they would draw.
   */
  async init() {
    await super.init();
    const nothing = { uniforms: {}, use: (gl) => gl.enable(gl.RASTERIZER_DISCARD) };
    this.blurShader = nothing;
    this.sobelFirstOrderShader = nothing;
    return this;
  }

  refreshLayers(volume, layer) {
    super.refreshLayers(volume, layer);
    this.gl.disable(this.gl.RASTERIZER_DISCARD);
  }

  /** An outline has no inside on a slice, but the render shows whole lesions. */
  draw3D(...place) {
    const onSlices = this.drawOpacity;
    this.drawOpacity = this.renderDrawOpacity;
    try {
      super.draw3D(...place);
    } finally {
      this.drawOpacity = onSlices;
    }
  }

  /** Sends the slices of the drawing that `touched` marks to the graphics card; NiiVue itself sends the whole volume. */
  refreshDrawnSlices(touched) {
    const { gl } = this;
    const [, width, height] = this.back.dims;
    const slice = width * height;
    gl.activeTexture(gl.TEXTURE7);
    gl.bindTexture(gl.TEXTURE_3D, this.drawTexture);
    touched.forEach((isTouched, z) => {
      if (!isTouched) return;
      const values = this.drawBitmap.subarray(z * slice, (z + 1) * slice);
      gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, z, width, height, 1, gl.RED, gl.UNSIGNED_BYTE, values);
    });
    this.drawScene();
  }

  /** Whether a program draws in place of a graphics card. */
  get isSoftware() {
    const names = this.gl.getExtension("WEBGL_debug_renderer_info");
    return /swiftshader|llvmpipe|software/i.test(names ? this.gl.getParameter(names.UNMASKED_RENDERER_WEBGL) : "");
  }
}
