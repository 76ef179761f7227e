/** One study: watched while it is worked on, then looked at. */

import { getBytes, getJson, request } from "../api.js";
import { element } from "../dom.js";
import { followStudy } from "../follow.js";
import { problemMessage } from "../message.js";
import { hasResult, stateKind } from "../study_state.js";
import { stateBadge } from "../worklist/study_rows.js";
import { ProgressPanel } from "./progress_panel.js";
import { readout } from "./readout.js";
import { resultOf, ResultView } from "./result_view.js";
import { Viewer } from "./viewer.js";

export async function showStudy(content, id, signal) {
  let study = await getJson(`studies/${id}`, { signal });
  const shell = makeShell();
  content.replaceChildren(shell.node);
  title(study);
  signal.addEventListener("abort", () => shell.opening?.then((viewer) => viewer.close()).catch(() => {}));
  // Takes its time, and is needed whatever comes; who waits for it hears of its failure.
  if (stateKind(study) !== "failed") openViewer(shell).catch(() => {});
  if (stateKind(study) === "working" && !hasResult(study)) study = await watch(study, shell, signal);
  if (signal.aborted) return;
  title(study);
  if (!hasResult(study)) return content.replaceChildren(failure(study));
  const [result] = await Promise.all([resultOf(study), showScan(study, shell, signal)]);
  if (signal.aborted) return;
  shell.result = new ResultView(study, shell, signal);
  await shell.result.open(result);
  if (study.error) shell.panel.prepend(problemMessage({ ...study.error, message: study.error.detail }));
  if (stateKind(study) === "working") await followState(study, signal);
}

/** Its result is there, and still on its way to the PACS. */
async function followState(study, signal) {
  const tell = async () => title(await getJson(`studies/${study.id}`, { signal }));
  await followStudy(study.id, { signal, onConnection() {}, onEvent: () => tell().catch(() => {}) });
}

/** The view's rooms: tools above the viewer and the panel beside it. */
function makeShell() {
  const shell = { probabilityAt: () => null, viewer: null, result: null };
  shell.readout = readout((vox) => shell.probabilityAt(vox));
  shell.tools = element("div", { class: "tools" });
  shell.canvas = element("canvas", { "aria-label": "Scan" });
  shell.waiting = element("p", { class: "waiting dim" }, "The scan shows here as soon as it is read.");
  shell.secondPane = element("div", { class: "pane", hidden: true });
  shell.panel = element("aside", { class: "panel", "aria-label": "Results" });
  const pane = element("div", { class: "pane" }, element("div", { class: "canvas-room" }, shell.canvas, shell.waiting));
  shell.node = element(
    "div",
    { class: "study" },
    element(
      "section",
      { class: "viewing", "aria-label": "Viewer" },
      shell.tools,
      element("div", { class: "panes" }, pane, shell.secondPane),
      shell.readout.node,
    ),
    shell.panel,
  );
  return shell;
}

/** Shows how far the study is until it has a result or has ended; the study then. */
async function watch(study, shell, signal) {
  const watching = new AbortController();
  signal.addEventListener("abort", () => watching.abort());
  const cancel = async () => {
    await request(`studies/${study.id}`, { method: "DELETE" });
    location.hash = "#/";
  };
  const progress = new ProgressPanel(study, study.source === "upload" ? cancel : null);
  shell.panel.replaceChildren(progress.node);
  const refresh = async () => {
    study = await getJson(`studies/${study.id}`, { signal });
    progress.show(study);
    title(study);
    // The scan itself is there before its lesions are.
    showScan(study, shell, signal).catch(() => {});
    if (hasResult(study)) watching.abort();
  };
  await refresh();
  await followStudy(study.id, {
    signal: watching.signal,
    onConnection: (isThere) => progress.setConnected(isThere),
    onEvent(kind, data) {
      if (kind === "progress") progress.show({ ...study, progress: data });
      else refresh().catch(() => {});
    },
  });
  return signal.aborted ? study : getJson(`studies/${study.id}`, { signal });
}

/** Opens the viewer, once. */
function openViewer(shell) {
  shell.opening ??= Viewer.open(shell.canvas, {
    onMove(location) {
      shell.readout.show(location);
      shell.result?.moved();
    },
  }).then((viewer) => (shell.viewer = viewer));
  return shell.opening;
}

/** Shows the study's scan as soon as it is there, once; after a failure the next call tries again. */
function showScan(study, shell, signal) {
  if (!study.links["flair.nii.gz"]) return Promise.resolve();
  shell.showing ??= fetchAndShowScan(study, shell, signal).catch((error) => {
    shell.showing = null;
    throw error;
  });
  return shell.showing;
}

async function fetchAndShowScan(study, shell, signal) {
  const [viewer, scan] = await Promise.all([openViewer(shell), getBytes(study.links["flair.nii.gz"], { signal })]);
  await viewer.showScan(scan, signal);
  viewer.setLayout(viewer.nv.isSoftware ? "slices" : "planes");
  shell.waiting.remove();
}

function title(study) {
  document.title = `${study.name} · Mamba-HUNet`;
  const urgent = study.priority === "urgent" && element("span", { class: "tag urgent" }, "Urgent");
  document.getElementById("crumb").replaceChildren(element("a", { href: "#/" }, "Worklist"), element("h1", {}, study.name), stateBadge(study), ...(urgent ? [urgent] : []));
}

function failure(study) {
  const problem = study.error ?? { title: "This study has no result", detail: "Nothing was segmented, or its files have been removed. This says nothing about lesions." };
  return problemMessage({ ...problem, message: problem.detail }, {}, element("a", { href: "#/" }, "Back to the worklist"));
}
