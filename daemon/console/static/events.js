// Server-sent events over fetch, since the browser's EventSource cannot send the token in a header.

import { authorization, reject } from "./api.js";

// Waits between attempts, in milliseconds; the last one repeats.
const waits = [300, 600, 1200, 2500, 5000];

// silence is how long nothing at all may come before the stream is taken for dead. The daemon sends a comment well
// within it.
const silence = 60_000;

// listen calls connected when the stream is up, lost when it ends, and event with each event's name and data, for ever.
// It returns a function that makes the next attempt now. After a refused token there is none until then.
export function listen({ connected, lost, event }) {
  let wake = () => {};
  let current = null;
  (async () => {
    for (let attempt = 0; ; attempt++) {
      current = new AbortController();
      const end = await once(current, connected, event);
      if (end === "worked") attempt = 0;
      lost();
      await new Promise((resume) => {
        const timer = end === "refused" ? 0 : setTimeout(resume, waits[Math.min(attempt, waits.length - 1)]);
        wake = () => { clearTimeout(timer); resume(); };
        if (end === "refused") reject();
      });
    }
  })();
  return () => { current?.abort(); wake(); };
}

// once reads one stream to its end and tells how it went: worked, failed, or refused for the token.
async function once(controller, connected, event) {
  let end = "failed";
  let watch = setTimeout(() => controller.abort(), silence);
  try {
    const response = await fetch("/v1/events", {
      headers: { ...authorization(), Accept: "text/event-stream" }, cache: "no-store", credentials: "omit",
      referrerPolicy: "no-referrer", signal: controller.signal,
    });
    if (response.status === 401) return "refused";
    if (!response.ok) return end;
    end = "worked";
    connected();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(event);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return end;
      clearTimeout(watch);
      watch = setTimeout(() => controller.abort(), silence);
      parse(value);
    }
  } catch {
    return end;
  } finally {
    clearTimeout(watch);
  }
}

// parser turns pieces of the stream into events.
export function parser(event) {
  let rest = "", name = "", data = [];
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (name || data.length) event(name || "message", decode(data.join("\n")));
        name = ""; data = [];
      } else if (line.startsWith("event:")) {
        name = line.slice(6).trim();
      } else if (line.startsWith("data:")) {
        data.push(line.slice(5).replace(/^ /, ""));
      }
    }
  };
}

function decode(text) {
  try { return JSON.parse(text); } catch { return {}; }
}
