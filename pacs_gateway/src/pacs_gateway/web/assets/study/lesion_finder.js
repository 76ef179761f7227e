/** The worker that finds lesions, as calls that can be waited for. */

import { Problem } from "../api.js";

export class LesionFinder {
  constructor(signal) {
    this.worker = new Worker("/assets/study/lesion_worker.js", { type: "module" });
    this.waiting = new Map();
    this.asked = 0;
    this.worker.onmessage = ({ data: { number, answer } }) => {
      this.waiting.get(number).resolve(answer);
      this.waiting.delete(number);
    };
    this.worker.onerror = () => {
      for (const { reject } of this.waiting.values()) reject(failure());
      this.waiting.clear();
    };
    signal.addEventListener("abort", () => this.worker.terminate());
  }

  /** Takes the map to find lesions in; the curve over thresholds. */
  take(values, dims, minVoxels) {
    this.minVoxels = minVoxels;
    return this.call({ ask: "take", values, dims, minVoxels });
  }

  /** The lesions at or above a probability of `level`/255. */
  find(level) {
    return this.call({ ask: "find", level, minVoxels: this.minVoxels });
  }

  /** The lesions of a mask, specks and all. */
  group(mask, dims) {
    return this.call({ ask: "group", mask, dims });
  }

  call(question) {
    this.asked += 1;
    const number = this.asked;
    this.worker.postMessage({ number, ...question });
    return new Promise((resolve, reject) => this.waiting.set(number, { resolve, reject }));
  }
}

const failure = () =>
  new Problem({
    title: "The lesions could not be marked",
    status: 0,
    detail: "The browser could not search the scan, for want of memory it may be.",
    fix: "Close other tabs and load the page again. The files are to be had from the HTTP API.",
  });
