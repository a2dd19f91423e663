// Asks everybody else and says who answered. Node's own library, no packages, no SDK: the whole of
// Headway that it knows are the variables PORT, HW_REPLICA and HW_<CALLEE>_URL.
'use strict';
const http = require('node:http');
const { Redis } = require('./redis.js');

const { PORT, HW_REPLICA, HW_WORDS_URL, HW_FILES_URL, HW_CACHE_URL } = process.env;
const cache = new Redis(HW_CACHE_URL);
const BODY_BYTES_MAX = 65536;

// What Envoy says instead of an answer is the reason, so it belongs into the log.
async function needed(reply) {
  if (!reply.ok) throw new Error(`status ${reply.status}: ${(await reply.text()).slice(0, 160)}`);
}

async function words() {
  const reply = await fetch(`${HW_WORDS_URL}/`);
  await needed(reply);
  const { replica, program, word } = await reply.json();
  return { service: 'words', replica, program, said: word };
}

async function files() {
  const reply = await fetch(`${HW_FILES_URL}/cgi-bin/who`);
  await needed(reply);
  const [replica, motto] = (await reply.text()).split('\n');
  return { service: 'files', replica, program: 'busybox httpd', said: motto };
}

async function visits() {
  return { service: 'cache', replica: 'cache', program: 'Redis', said: `visit ${await cache.ask('INCR', 'visits')}` };
}

// What is missing is said in its place; the page comes in any case.
async function part(service, question) {
  try {
    return await question();
  } catch (error) {
    console.error(JSON.stringify({ level: 'warning', msg: 'left out', service, why: error.cause?.code ?? error.message }));
    return { service, replica: '', program: '', said: 'not there at the moment' };
  }
}

async function everybody() {
  const me = { service: 'app', replica: HW_REPLICA, program: `Node ${process.versions.node}`, said: 'asked the others' };
  return [me, ...(await Promise.all([part('words', words), part('files', files), part('cache', visits)]))];
}

const escape = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const row = (one) => `<tr><td>${[one.service, one.replica, one.program, one.said].map(escape).join('<td>')}\n`;

const answer = (response, type, body) => response.writeHead(200, { 'content-type': type }).end(body);

const server = http.createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  if (path === '/healthz') return answer(response, 'text/plain', 'OK');
  if (path === '/rows') return answer(response, 'text/html', (await everybody()).map(row).join(''));
  if (path === '/who') return answer(response, 'application/json', JSON.stringify(await everybody()));
  if (path === '/notes' && request.method === 'POST') return take(request, response);
  response.writeHead(404).end();
});

// A POST does something once, so nobody may send it again: it shows what a careless end would lose.
function take(request, response) {
  let size = 0;
  request.on('data', (data) => {
    size += data.length;
    if (size > BODY_BYTES_MAX) response.writeHead(413, { connection: 'close' }).end();
  });
  request.on('end', () => response.headersSent || answer(response, 'text/plain', `${HW_REPLICA} took ${size}\n`));
}

server.listen(Number(PORT), '127.0.0.1', () => console.log(JSON.stringify({ level: 'info', msg: 'listening', replica: HW_REPLICA })));
