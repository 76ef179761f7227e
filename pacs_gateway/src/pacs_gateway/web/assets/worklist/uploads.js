/** The scans that this tab sends, each with its progress, and what became of it. */

import { Problem, sendScan } from "../api.js";
import { announce, element } from "../dom.js";
import { megabytes } from "../format.js";

/** Sends scans one after another and shows them in its `list`, whatever view is shown meanwhile. */
export class Uploads {
  constructor(limit_mb) {
    const list = element("ul", { class: "uploads" });
    Object.assign(this, { list, limit_mb, waiting: 0, queue: Promise.resolve(), onAccepted() {} });
    window.addEventListener("beforeunload", (event) => this.waiting > 0 && event.preventDefault());
  }

  /** `onAccepted(study)` hears of each that is taken, until `signal` aborts. */
  tell(onAccepted, signal) {
    this.onAccepted = onAccepted;
    signal.addEventListener("abort", () => (this.onAccepted = () => {}));
  }

  add(scans, choices) {
    for (const scan of scans) {
      // The same scan sent again after a broken connection is the same study.
      const upload = { ...scan, ...choices, key: randomKey(), row: element("li", { class: "upload" }) };
      this.list.append(upload.row);
      this.enqueue(upload);
    }
  }

  enqueue(upload) {
    showSending(upload, 0);
    this.waiting += 1;
    this.queue = this.queue.then(() => this.send(upload)).finally(() => (this.waiting -= 1));
  }

  async send(upload) {
    try {
      refuseTooLarge(upload, this.limit_mb);
      const { blob, name, priority, prior, key } = upload;
      const study = await sendScan(blob, name, { priority, prior, key, onSent: (part) => showSending(upload, part) });
      upload.row.remove();
      announce(`${name} was sent.`);
      this.onAccepted(study);
    } catch (problem) {
      this.showProblem(upload, problem);
    }
  }

  showProblem(upload, problem) {
    const canHelp = !(problem.status >= 400 && problem.status < 500 && problem.status !== 429);
    upload.row.replaceChildren(
      element("span", { class: "upload-name" }, upload.name),
      element("p", { class: "upload-problem", role: "alert" }, problem.message, problem.fix && ` ${problem.fix}`),
      canHelp && element("button", { type: "button", onclick: () => this.enqueue(upload) }, "Send again"),
      element("button", { type: "button", class: "quiet", onclick: () => upload.row.remove() }, "Dismiss"),
    );
  }
}

function showSending(upload, part) {
  upload.row.replaceChildren(
    element("span", { class: "upload-name" }, upload.name),
    element("progress", { max: 1, value: part, "aria-label": `Sending ${upload.name}` }),
    element("span", { class: "dim" }, `${Math.round(100 * part)} % of ${megabytes(upload.blob.size)}`),
  );
}

function refuseTooLarge({ name, blob }, limit_mb) {
  if (blob.size <= limit_mb * 1e6) return;
  throw new Problem({
    title: "Too large",
    status: 413,
    detail: `${name} has ${megabytes(blob.size)}; the gateway takes up to ${limit_mb} MB.`,
    fix: "Send the FLAIR series alone.",
  });
}

/** Not randomUUID, which is missing where the page is served without TLS. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
