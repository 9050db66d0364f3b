// ImapFlow for imap_talk.py. CACHE is the folder it was installed in.
import { createRequire } from 'node:module';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';

const require = createRequire(process.env.CACHE + '/');
const { ImapFlow } = require('imapflow');
const [mode, port, ca, user, how] = process.argv.slice(2);

const client = new ImapFlow({
  host: 'localhost',
  port: Number(port),
  secure: mode === 'implicit',
  doSTARTTLS: mode !== 'implicit',
  auth: { user, pass: process.env.CHECK_PASSWORD, ...(how && { loginMethod: how }) },
  tls: { ca: readFileSync(ca), servername: 'localhost' },
  disableAutoIdle: true,
  logger: false,
});
client.on('error', (error) => console.error(error));

let heard = [];
let wake = () => {};
const hear = (what, number) => {
  heard.push([what, number]);
  wake();
};
client.on('exists', (data) => hear('exists', data.count));
client.on('expunge', (data) => hear('expunge', data.seq));
client.on('flags', (data) => hear('flags', data.seq));

const uid = { uid: true };
// Its own answer to what went wrong is false.
const held = (answer) => {
  if (!answer) throw new Error('ImapFlow answered ' + answer);
  return answer;
};
const nothing = async () => true;

let idling;
const deeds = {
  async select({ mailbox, readonly }) {
    return (await client.mailboxOpen(mailbox, { readOnly: Boolean(readonly) })).exists;
  },
  async uids() {
    return held(await client.search({ all: true }, uid));
  },
  async read({ folder }) {
    for (const number of held(await client.search({ all: true }, uid))) {
      const { source } = await client.fetchOne(number, { source: true }, uid);
      writeFileSync(`${folder}/${number}`, source);
    }
  },
  async append({ mailbox, path, flags = [] }) {
    return held(await client.append(mailbox, readFileSync(path), flags)).uid;
  },
  async list() {
    return Object.fromEntries((await client.list()).map((each) => [each.path, [...each.flags]]));
  },
  async make({ mailbox }) {
    held((await client.mailboxCreate(mailbox)).created);
  },
  async rename({ mailbox, to }) {
    held(await client.mailboxRename(mailbox, to));
  },
  async unmake({ mailbox }) {
    held(await client.mailboxDelete(mailbox));
  },
  async search({ unseen, ...what }) {
    return held(await client.search({ ...what, ...(unseen && { seen: false }) }, uid));
  },
  async flags() {
    const found = {};
    if (client.mailbox.exists) {
      for await (const each of client.fetch('1:*', { uid: true, flags: true })) found[each.uid] = [...each.flags];
    }
    return found;
  },
  async flag({ uid: number, add = [], remove = [] }) {
    if (add.length) held(await client.messageFlagsAdd(String(number), add, uid));
    if (remove.length) held(await client.messageFlagsRemove(String(number), remove, uid));
  },
  async copy({ uid: number, mailbox }) {
    held(await client.messageCopy(String(number), mailbox, uid));
  },
  async move({ uid: number, mailbox }) {
    held(await client.messageMove(String(number), mailbox, uid));
  },
  async remove({ uid: number }) {
    held(await client.messageDelete(String(number), uid));
  },
  async attachment({ uid: number, path }) {
    const { bodyStructure } = await client.fetchOne(String(number), { bodyStructure: true }, uid);
    const { part } = bodyStructure.childNodes.find((each) => each.type.startsWith('application/'));
    const { content } = await client.download(String(number), part, uid);
    await pipeline(content, createWriteStream(path));
  },
  async status({ mailbox }) {
    const { messages, unseen } = await client.status(mailbox, { messages: true, unseen: true });
    return { messages, unseen };
  },
  async refresh() {
    await client.noop();
  },
  async idle() {
    heard = [];
    idling = client.idle();
  },
  async told({ what }) {
    const until = Date.now() + 30_000;
    for (;;) {
      const found = heard.find((each) => each[0] === what);
      if (found) {
        heard = [];
        return found[1];
      }
      const left = until - Date.now();
      if (left <= 0) throw new Error(`not told of ${what} within 30 s: ${JSON.stringify(heard)}`);
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, left).unref();
      });
    }
  },
  async wake() {
    // Any command ends the IDLE.
    await client.noop();
    await idling;
  },
  async quit() {
    await client.logout();
  },
};

async function attempt(deed, asked) {
  let answer;
  try {
    answer = { ok: (await deed(asked)) ?? null };
  } catch (error) {
    console.error(error);
    answer = { failed: `${error.message} ${error.responseText ?? ''}` };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
  return 'ok' in answer;
}

if (!(await attempt(() => client.connect().then(nothing), {}))) process.exit(1);
for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...asked } = JSON.parse(line);
  await attempt(deeds[name], asked);
}
process.exit(0);
