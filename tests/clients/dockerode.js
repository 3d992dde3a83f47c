// dockerode, the client of most Node programs.
const assert = require('node:assert');
const { PassThrough } = require('node:stream');
const Docker = require('dockerode');
const docker = new Docker({ socketPath: process.env.SOCKET });

const done = (stream) => new Promise((ok, bad) => docker.modem.followProgress(stream, (e, o) => (e ? bad(e) : ok(o))));
const text = (stream) => new Promise((ok, bad) => {
  const parts = [];
  stream.on('data', (part) => parts.push(part));
  stream.on('end', () => ok(Buffer.concat(parts)));
  stream.on('error', bad);
});

async function main() {
  assert.equal((await docker.ping()).toString(), 'OK');
  const pulled = await done(await docker.pull('busybox:latest'));
  assert.match(pulled.at(-1).status, /^Status: /);

  const out = new PassThrough();
  const collected = text(out);
  const command = ['sh', '-c', 'echo hello; exit 3'];
  const [ended] = await docker.run('busybox', command, [out, new PassThrough()], { Tty: false });
  assert.equal(ended.StatusCode, 3);
  out.end();
  assert.equal((await collected).toString(), 'hello\n');

  const box = await docker.createContainer({
    Image: 'busybox', name: 'box', Cmd: ['cat'], OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true,
    Labels: { kind: 'test' }, HostConfig: { Memory: 64 << 20 },
  });
  const stream = await box.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
  const stdout = new PassThrough();
  const said = text(stdout);
  box.modem.demuxStream(stream, stdout, new PassThrough());
  stream.on('end', () => stdout.end());
  await box.start();
  stream.write('typed');
  stream.end();
  assert.equal((await box.wait()).StatusCode, 0);
  assert.equal((await said).toString(), 'typed');
  assert.equal((await box.inspect()).State.Status, 'exited');
  await box.remove();

  const runs = await docker.createContainer({ Image: 'busybox', name: 'runs', Cmd: ['sh', '-c', 'echo up; sleep 1000'] });
  await runs.start();
  const exec = await runs.exec({ Cmd: ['sh', '-c', 'echo inside; exit 4'], AttachStdout: true, AttachStderr: true });
  const execStream = await exec.start({ hijack: true, stdin: false });
  const inside = new PassThrough();
  const insideText = text(inside);
  docker.modem.demuxStream(execStream, inside, inside);
  execStream.on('end', () => inside.end());
  assert.equal((await insideText).toString(), 'inside\n');
  assert.equal((await exec.inspect()).ExitCode, 4);
  const log = await runs.logs({ stdout: true, follow: false });
  assert.match(log.toString(), /up\n$/);
  const stats = await runs.stats({ stream: false });
  assert.ok(stats.memory_stats.usage > 0);
  await assert.rejects(runs.start(), (error) => error.statusCode === 304);
  await assert.rejects(docker.getContainer('none').inspect(), (error) => error.statusCode === 404 && /No such container: none/.test(error.message));
  const listed = await docker.listContainers({ all: true, filters: { name: ['runs'] } });
  assert.deepEqual(listed[0].Names, ['/runs']);

  const network = await docker.createNetwork({ Name: 'net', Internal: true });
  await network.connect({ Container: runs.id });
  assert.ok((await network.inspect()).Containers[runs.id]);
  await network.disconnect({ Container: runs.id });
  await network.remove();
  const volume = await docker.createVolume({ Name: 'data' });
  assert.equal((await docker.getVolume('data').inspect()).Name, 'data');

  const events = await docker.getEvents({ filters: { container: [runs.id], event: ['destroy'] } });
  const event = new Promise((ok) => events.once('data', ok));
  await runs.remove({ force: true });
  assert.equal(JSON.parse(await event).Action, 'destroy');
  events.destroy();
  await volume.remove();
  const image = docker.getImage('busybox');
  await image.tag({ repo: 'mine', tag: '1' });
  const archive = await text(await docker.getImage('mine:1').get());
  await docker.getImage('mine:1').remove();
  const loaded = await text(await docker.loadImage(require('node:stream').Readable.from([archive])));
  assert.match(loaded.toString(), /Loaded image: mine:1/);
  await docker.getImage('mine:1').remove();
}
main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
