/** Scans out of what was dropped or chosen: a NIfTI file or a zip is one scan, the DICOM files of a folder are one. */

import { zipSync } from "../vendor/fflate.js";

const ONE_SCAN = /\.(nii|nii\.gz|zip)$/i;

/** A drop's files, those in folders too. [{file, folder}] */
export async function droppedFiles(transfer) {
  // Entries must be asked for before the first wait: the transfer is emptied then.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry() ?? item.getAsFile()).filter(Boolean);
  return (await Promise.all(entries.map((entry) => (entry instanceof File ? [{ file: entry, folder: "" }] : filesUnder(entry, ""))))).flat();
}

/** [{name, blob}], one for each scan. */
export async function scansOf(files) {
  const alone = files.filter(({ file }) => ONE_SCAN.test(file.name));
  const scans = alone.map(({ file }) => ({ name: file.name, blob: file }));
  for (const [folder, members] of byFolder(files)) {
    if (members.length === 1) scans.push({ name: members[0].file.name, blob: members[0].file });
    else scans.push({ name: `${folder.split("/").pop() || "dicom"}.zip`, blob: await zipped(members) });
  }
  return scans;
}

function byFolder(files) {
  const groups = new Map();
  for (const one of files) {
    if (ONE_SCAN.test(one.file.name) || one.file.name.startsWith(".")) continue;
    groups.set(one.folder, [...(groups.get(one.folder) ?? []), one]);
  }
  return groups;
}

async function zipped(members) {
  const contents = {};
  for (const [number, { file }] of members.entries()) {
    contents[`${number}.dcm`] = new Uint8Array(await file.arrayBuffer());
  }
  return new Blob([zipSync(contents, { level: 0 })]);
}

async function filesUnder(entry, folder) {
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), folder }];
  const reader = entry.createReader();
  const found = [];
  // Each call gives a hundred entries at most.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    found.push(...some);
  }
  return (await Promise.all(found.map((one) => filesUnder(one, `${folder}/${entry.name}`)))).flat();
}
