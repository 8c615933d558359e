// Asking the server again and again: never two questions at once, nothing for a page nobody sees.

import { LATE } from "./dom.js";

const TICK = 250; // milliseconds between two looks at the clock
const TRIES = 5; // of a question to a busy server

// The server's functions as a panel asks them: again while the server is busy, at times of its own since a whole class
// may sit behind one address. Gradio's answer undefined where nothing came: these are rejected then.
export function patient(server) {
  const get = (all, name) => async (...question) => {
    for (let left = TRIES; ; left -= 1) {
      const answer = await all[name](...question);
      if (answer === undefined) throw new Error("The server did not answer.");
      if (!answer?.retry || left === 1) return answer;
      await new Promise((resolve) => setTimeout(resolve, 1000 * answer.retry * (0.5 + Math.random())));
    }
  };
  return new Proxy(server, { get });
}

export class Poller {
  // ask: a promise of one question and what is done with its answer; say: shows a sentence.
  constructor(element, ask, say) {
    Object.assign(this, { element, ask, say, busy: false, again: false, last: 0, failures: 0 });
  }

  now = async () => {
    if (document.hidden || this.element.clientWidth === 0) return;
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      await this.ask();
      this.failures = 0;
    } catch (error) {
      console.error(error);
      this.failures += 1;
      this.say(`no answer from the server, trying again (${this.failures})`);
    } finally {
      this.busy = false;
      this.last = Date.now();
      if (this.again) setTimeout(this.now);
      this.again = false;
    }
  };

  // pace: seconds between two questions, asked for at each look.
  start(pace) {
    const timer = setInterval(() => {
      if (!document.contains(this.element)) clearInterval(timer);
      else if (Date.now() - this.last > 1000 * pace() - TICK) this.now();
    }, TICK);
    document.addEventListener("visibilitychange", this.now);
    this.now();
  }
}

const WAIT = 400; // milliseconds between two questions after long work
const NO_ANSWER = { what: "no answer, trying again" };

// Long work on the server, one at a time: its bar, its sentence and the button that stops it.
export class LongWork {
  // changed: called whenever work begins or ends.
  constructor(server, { bar, sentence, stop }, changed) {
    Object.assign(this, { server, bar, sentence, stop, changed, job: null });
    stop.onclick = () => this.job && server.stop({ job: this.job }).catch(() => null); // progress will tell
  }

  // The answer; null when it failed, was stopped, or another one is under way.
  async run(question) {
    if (this.job) return null;
    this.set("starting");
    const started = await this.server.work(question).catch(() => LATE);
    this.sentence.textContent = started.error || "";
    this.set(started.job || null);
    let told = {};
    while (this.job && !told.answer && !told.error) {
      told = await this.server.progress({ job: this.job }).catch(() => NO_ANSWER);
      this.show(told);
      await new Promise((resolve) => setTimeout(resolve, WAIT));
    }
    this.set(null);
    return told.answer || null;
  }

  set(job) {
    this.job = job;
    this.stop.hidden = this.bar.hidden = job === null;
    this.changed(job !== null);
  }

  show({ what, done, total, answer, error }) {
    this.bar.value = total ? done / total : answer ? 1 : 0;
    const part = total ? `: ${done} of ${total}` : "";
    this.sentence.textContent = error || (answer ? "Done." : what + part);
  }
}
