// Sends standard input with nodemailer. CACHE is the folder it was installed in.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(process.env.CACHE + '/');
const nodemailer = require('nodemailer');
const [mode, port, ca, sender, recipient] = process.argv.slice(2);

const transport = nodemailer.createTransport({
  host: 'localhost',
  port: Number(port),
  secure: mode === 'implicit',
  requireTLS: mode !== 'implicit',
  auth: { user: sender, pass: process.env.CHECK_PASSWORD },
  tls: { ca: readFileSync(ca), servername: 'localhost' },
});
const result = await transport.sendMail({
  envelope: { from: sender, to: [recipient] },
  // A message as it is: nodemailer only stuffs its dots.
  raw: readFileSync(0),
});
transport.close();
if (result.accepted.length !== 1 || result.rejected.length !== 0) {
  console.error(result);
  process.exit(1);
}
