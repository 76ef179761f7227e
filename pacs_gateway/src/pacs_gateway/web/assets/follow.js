/** A study's progress by server-sent events, taken up again where the connection broke. */

import { request } from "./api.js";
import { createParser } from "./vendor/eventsource-parser.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
// The gateway says every ten seconds that it is there.
const LONGEST_SILENCE_MS = 25_000;

/**
 * Calls `onEvent(kind, data)` for each event until the study is done or failed, or `signal` aborts.
 * `onConnection(true | false)` hears when the connection is there and when it is lost.
 *
 * Not EventSource, which cannot send a token.
 */
export async function followStudy(id, { signal, onEvent, onConnection }) {
  let lastId = null;
  let wait_ms = FIRST_WAIT_MS;
  let ended = false;
  const parser = createParser({
    onEvent({ id: number, event, data }) {
      lastId = number ?? lastId;
      ended = event === "done" || event === "failed";
      onEvent(event, JSON.parse(data));
    },
  });
  while (!ended && !signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const answer = await request(`studies/${id}/events`, { headers, signal, longestSilence_ms: LONGEST_SILENCE_MS });
      onConnection(true);
      wait_ms = FIRST_WAIT_MS;
      await feed(answer.body, parser);
    } catch (error) {
      if (signal.aborted) return;
      // The server knows the study no longer: nothing to wait for.
      if (error.status >= 400 && error.status < 500) throw error;
    }
    if (ended || signal.aborted) return;
    onConnection(false);
    await pause(wait_ms, signal);
    wait_ms = Math.min(2 * wait_ms, LONGEST_WAIT_MS);
  }
}

async function feed(body, parser) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  parser.reset();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    parser.feed(value);
  }
}

function pause(duration_ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, duration_ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
