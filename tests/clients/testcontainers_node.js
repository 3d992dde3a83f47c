// Testcontainers for Node, without its reaper, whose image is not here.
process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
const assert = require('node:assert');
const net = require('node:net');
const { GenericContainer, Network, Wait } = require('testcontainers');

const ask = (host, port, question) => new Promise((ok, bad) => {
  const socket = net.connect(port, host, () => socket.write(question));
  socket.once('data', (answer) => { socket.destroy(); ok(answer.toString()); });
  socket.once('error', bad);
});

async function main() {
  const network = await new Network().start();
  const cache = await new GenericContainer('redis')
    .withExposedPorts(6379)
    .withNetwork(network)
    .withNetworkAliases('cache')
    .withHealthCheck({ test: ['CMD', 'redis-cli', 'ping'], interval: 300, retries: 30 })
    .withWaitStrategy(Wait.forHealthCheck())
    .start();
  assert.equal(await ask(cache.getHost(), cache.getMappedPort(6379), 'PING\r\n'), '+PONG\r\n');
  const box = await new GenericContainer('busybox')
    .withCommand(['sh', '-c', 'echo ready; sleep 1000'])
    .withNetwork(network)
    .withEnvironment({ A: '1' })
    .withCopyContentToContainer([{ content: 'copied', target: '/tmp/file' }])
    .withWaitStrategy(Wait.forLogMessage('ready'))
    .start();
  const { output, exitCode } = await box.exec(['sh', '-c', 'cat /tmp/file; echo $A; ping -c1 -w5 cache >/dev/null; exit $?']);
  assert.equal(output, 'copied1\n');
  assert.equal(exitCode, 0);
  await box.stop();
  await cache.stop();
  await network.stop();
}
main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
