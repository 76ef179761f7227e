/** Connections that die without a word: a network can go without closing them. */

const NO_CONTENT = 204;

/**
 * `fetch(url, options)`, given up when nothing is heard for `longestSilence_ms`, be it of the answer's beginning or of
 * its body; whoever waits for either then gets `problem()` as the error.
 */
export async function fetchUnlessSilent(url, { longestSilence_ms, problem, signal, ...options }) {
  const silence = new AbortController();
  let timer;
  const end = () => clearTimeout(timer);
  const heard = () => {
    end();
    timer = setTimeout(() => silence.abort(problem()), longestSilence_ms);
  };
  heard();
  try {
    const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
    const answer = await fetch(url, { ...options, signal: either });
    if (!answer.body || answer.status === NO_CONTENT) {
      end();
      return answer;
    }
    heard();
    return new Response(answer.body.pipeThrough(listening(heard, end)), answer);
  } catch (error) {
    end();
    throw error;
  }
}

/** Passes everything on, and tells of each piece and of the end. */
function listening(onPiece, onEnd) {
  return new TransformStream({
    transform(piece, controller) {
      onPiece();
      controller.enqueue(piece);
    },
    flush: onEnd,
  });
}
