// A request whose newest answer is shown. An answer to an older question is dropped, so that what shows belongs to the card
// that is in the reader now.

import { Lost, Problem } from "./api.js";
import { change } from "./store.js";

// asking makes a holder of one question's answer.
export function asking() {
  const ask = { busy: false, answer: null, problem: null, turn: 0 };
  // run asks again; keep leaves the old answer in place until the new one is there.
  ask.run = async (question, keep = false) => {
    const turn = ++ask.turn;
    change(() => { Object.assign(ask, { busy: true, problem: null }); if (!keep) ask.answer = null; });
    let answer = null, problem = null;
    try {
      answer = await question();
    } catch (error) {
      if (!(error instanceof Lost || error instanceof Problem)) throw error;
      problem = error;
    }
    if (turn !== ask.turn) return;
    change(() => Object.assign(ask, { busy: false, answer, problem }));
  };
  // clear forgets everything, also an answer that is still on its way.
  ask.clear = () => change(() => Object.assign(ask, { busy: false, answer: null, problem: null, turn: ask.turn + 1 }));
  return ask;
}
