/** The gateway's HTTP API, as the page calls it. */

import { fetchUnlessSilent } from "./silence.js";
import { askForToken } from "./token_dialog.js";

const BASE = "/api/v1";
const TOKEN = "hunet.token";
// The longest that any answer takes to begin is well below.
const LONGEST_SILENCE_MS = 60_000;

/** What went wrong, as RFC 9457 says it: `title`, `status` (0: nobody answered), `detail`, and `fix`. */
export class Problem extends Error {
  constructor({ title, status, detail, fix }) {
    super(detail || title);
    Object.assign(this, { title, status, detail, fix });
  }
}

/**
 * The answer to a request; raises Problem for any that is not a success, and while its body is read when that breaks
 * off in silence. Asks for a token where one is wanted. `options` are those of `fetch`, and `longestSilence_ms`.
 */
export async function request(path, { headers = {}, ...options } = {}) {
  const url = path.startsWith("/") ? path : `${BASE}/${path}`;
  for (;;) {
    const answer = await fetched(url, { ...options, headers: { ...authorization(), ...headers } });
    if (answer.ok) return answer;
    if (answer.status !== 401) throw await problemOf(answer);
    sessionStorage.setItem(TOKEN, await askForToken({ wasRefused: sessionStorage.getItem(TOKEN) !== null }));
  }
}

export const getJson = async (path, options) => (await request(path, options)).json();

export const getBytes = async (path, options) => (await request(path, options)).arrayBuffer();

/** Sends a scan. `onSent(fraction)` hears how much of it has left. */
export function sendScan(blob, name, { priority, prior, key, onSent }) {
  const query = new URLSearchParams({ priority, ...(prior && { prior }) });
  return new Promise((resolve, reject) => {
    // fetch does not tell how much has been sent.
    const call = new XMLHttpRequest();
    call.open("POST", `${BASE}/studies?${query}`);
    const headers = {
      ...authorization(),
      "Content-Type": "application/octet-stream",
      "Content-Disposition": `attachment; filename="${headerSafe(name)}"`,
      "Idempotency-Key": key,
    };
    for (const [header, value] of Object.entries(headers)) call.setRequestHeader(header, value);
    call.upload.onprogress = (event) => onSent(event.loaded / event.total);
    call.onload = () => {
      const content = parsed(call.responseText);
      if (call.status >= 200 && call.status < 300 && content) resolve(content);
      else reject(new Problem({ title: "The scan was refused", status: call.status, ...content }));
    };
    call.onerror = () => reject(unreachable());
    call.send(blob);
  });
}

/** Saves what is at `url` under `name`: as a fetch, because a link cannot carry the token. */
export async function download(url, name) {
  const address = URL.createObjectURL(await (await request(url)).blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function authorization() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function fetched(url, { longestSilence_ms = LONGEST_SILENCE_MS, ...options }) {
  try {
    // What is sent may take its time on a slow network, and nothing is heard meanwhile.
    if (options.body) return await fetch(url, options);
    return await fetchUnlessSilent(url, { longestSilence_ms, problem: unreachable, ...options });
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw unreachable();
  }
}

async function problemOf(answer) {
  const content = parsed(await answer.text());
  return new Problem({ title: answer.statusText || "The request failed", status: answer.status, ...content });
}

function unreachable() {
  return new Problem({
    title: "The gateway does not answer",
    status: 0,
    detail: "The connection failed.",
    fix: "See that the gateway runs and that this machine reaches it. The page goes on by itself once it answers.",
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A file name as a quoted header value: other characters than printable ASCII would be refused by the browser. */
function headerSafe(name) {
  return name.replace(/[^\x20-\x7e]|["\\]/g, "_");
}
