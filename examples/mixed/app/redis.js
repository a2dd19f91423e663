// As much of Redis's protocol as a counter needs, over one connection that comes back by itself.
// Every command has an end in time: a cache that does not answer must not hold the page.
'use strict';
const net = require('node:net');

const ANSWER_MS_MAX = 300;
const WAITING_MAX = 1000;

class Redis {
  constructor(url) {
    const { hostname, port } = new URL(url);
    this.address = { host: hostname, port: Number(port) };
    this.socket = null;
    this.waiting = []; // answers come in the order of the commands
  }

  // Sent a second time when the connection broke: a counter may then count twice, and bears it.
  async ask(...words) {
    try {
      return await this.once(words);
    } catch (error) {
      if (!error.broken) throw error;
      return this.once(words);
    }
  }

  once(words) {
    if (this.waiting.length >= WAITING_MAX) return Promise.reject(new Error('too many commands wait'));
    const socket = (this.socket ??= this.connect());
    return new Promise((resolve, reject) => {
      const late = () => socket.destroy(new Error(`no answer in ${ANSWER_MS_MAX} ms`));
      this.waiting.push({ resolve, reject, timer: setTimeout(late, ANSWER_MS_MAX) });
      const parts = words.map(String).map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`);
      socket.write(`*${words.length}\r\n${parts.join('')}`);
    });
  }

  connect() {
    const socket = net.connect(this.address);
    let text = '';
    let why = null;
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      text += data.toString('latin1');
      const lines = text.split('\r\n');
      text = lines.pop();
      for (const line of lines) this.answered(line);
    });
    socket.on('error', (error) => (why = error));
    socket.on('close', () => {
      if (this.socket === socket) this.socket = null;
      const lost = Object.assign(why ?? new Error('connection closed'), { broken: !why?.message.startsWith('no answer') });
      for (const { reject, timer } of this.waiting.splice(0)) {
        clearTimeout(timer);
        reject(lost);
      }
    });
    return socket;
  }

  // Only one-line answers: `:7` is a number, `+PONG` a word, `-ERR …` an error.
  answered(line) {
    const first = this.waiting.shift();
    if (!first) return;
    clearTimeout(first.timer);
    if (line[0] === ':') first.resolve(Number(line.slice(1)));
    else if (line[0] === '+') first.resolve(line.slice(1));
    else first.reject(new Error(line));
  }
}

module.exports = { Redis };
