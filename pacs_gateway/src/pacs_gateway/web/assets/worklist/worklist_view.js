/** The worklist: what was sent here and what came from the PACS, with its state; and where a scan is dropped. */

import { getJson, request } from "../api.js";
import { showDialog } from "../dialog.js";
import { element } from "../dom.js";
import { emptyMessage, problemMessage } from "../message.js";
import { useShortcuts } from "../shortcuts.js";
import { stateKind } from "../study_state.js";
import { dropZone } from "./drop_zone.js";
import { Filters } from "./filters.js";
import { studyTable } from "./study_rows.js";
import { Uploads } from "./uploads.js";

const BUSY_POLL_MS = 1500;
const IDLE_POLL_MS = 4000;
const PAGE_SIZE = 200;

// Goes on while other views are shown.
let uploads = null;

export async function showWorklist(content, signal) {
  document.title = "Worklist · Mamba-HUNet";
  document.getElementById("crumb").replaceChildren();
  const table = element("div", { class: "table-room" }, element("p", { class: "message dim" }, "Reading the worklist …"));
  const older = element("p", { class: "message dim", hidden: true }, `These are the newest ${PAGE_SIZE}. Older ones are to be had from the HTTP API.`);
  const filters = new Filters(() => showTable());
  let studies = [];
  let shown = null;

  const { limits } = await getJson("info", { signal });
  uploads ??= new Uploads(limits.max_upload_mb);
  uploads.tell(() => refresh(), signal);
  const { zone, choose } = dropZone({ onScans: (scans, choices) => uploads.add(scans, choices), signal });
  content.replaceChildren(
    element("div", { class: "worklist" }, element("h1", { class: "unseen" }, "Worklist"), zone, uploads.list, filters.bar, table, older),
  );

  function showTable() {
    const chosen = filters.of(studies);
    if (studies.length === 0) table.replaceChildren(nothingYet());
    else if (chosen.length === 0) table.replaceChildren(emptyMessage("No study is like that."));
    else table.replaceChildren(studyTable(chosen, remove));
  }

  async function refresh() {
    const page = await getJson(`studies?limit=${PAGE_SIZE}`, { signal });
    // The same again would take the reader's selection away; times grow old by the minute.
    const seen = `${JSON.stringify(page.studies)} ${Math.floor(Date.now() / 60_000)}`;
    if (seen === shown) return;
    shown = seen;
    const focused = table.querySelector(":focus");
    const row = focused?.closest("tr")?.dataset.study;
    studies = page.studies;
    showTable();
    older.hidden = !page.next;
    if (row) table.querySelector(`[data-study="${row}"] ${focused.localName}`)?.focus();
  }

  async function remove(study) {
    const choice = await showDialog(
      `Remove ${study.name}?`,
      element("p", {}, "Its files, its results and its corrections are removed from the gateway. What was sent to the PACS stays there."),
      element(
        "form",
        { method: "dialog", class: "actions" },
        element("button", { class: "quiet", value: "" }, "Keep it"),
        element("button", { class: "danger", value: "remove" }, "Remove it"),
      ),
    );
    if (choice !== "remove") return;
    await request(`studies/${study.id}`, { method: "DELETE" });
    await refresh();
  }

  const list = [
    { keys: ["u"], says: "Choose scans to send", does: choose },
    { keys: ["/"], says: "Search", does: () => filters.search.focus() },
  ];
  useShortcuts([{ title: "Worklist", list }], signal);
  keepFresh();

  async function keepFresh() {
    while (!signal.aborted) {
      let isBusy = true;
      try {
        if (!document.hidden) await refresh();
        isBusy = studies.some((study) => stateKind(study) === "working");
      } catch (problem) {
        if (signal.aborted) return;
        shown = null;
        table.replaceChildren(problemMessage(problem));
      }
      await new Promise((resolve) => setTimeout(resolve, isBusy ? BUSY_POLL_MS : IDLE_POLL_MS));
    }
  }
}

function nothingYet() {
  return emptyMessage(
    "No studies yet",
    element("p", {}, "Drop a FLAIR anywhere on this page, or have the PACS send one. It shows here as soon as it arrives."),
  );
}
