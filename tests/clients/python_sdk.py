"""Docker's SDK for Python."""

import io
import os
import tarfile

import docker

client = docker.from_env()
assert client.ping()
assert client.version()["ApiVersion"]
assert client.info()["OSType"] == "linux"

image = client.images.pull("busybox", tag="latest")
assert "busybox:latest" in image.tags
assert client.images.get("busybox").id == image.id
assert image.history()

assert client.containers.run("busybox", "echo hello", remove=True) == b"hello\n"
try:
    client.containers.run("busybox", ["sh", "-c", "echo no >&2; exit 3"], remove=True)
    raise SystemExit("a failure is told")
except docker.errors.ContainerError as error:
    assert error.exit_status == 3 and error.stderr == b"no\n", error
try:
    client.api.create_container("none-such-image", "true")
    raise SystemExit("a missing image is told")
except docker.errors.ImageNotFound:
    pass

box = client.containers.run(
    "busybox", ["sh", "-c", "echo started; sleep 1000"], name="box", detach=True, environment={"A": "1"},
    labels={"kind": "test"}, mem_limit="64m", volumes={"data": {"bind": "/data", "mode": "rw"}},
    ports={"80/tcp": ("127.0.0.1", None)}, init=True)
box.reload()
assert box.status == "running" and box.labels["kind"] == "test"
assert box.attrs["HostConfig"]["Memory"] == 64 << 20
assert box.ports["80/tcp"][0]["HostIp"] == "127.0.0.1"
assert [c.name for c in client.containers.list(filters={"label": "kind=test"})] == ["box"]
code, output = box.exec_run(["sh", "-c", "echo $A; exit 5"])
assert (code, output) == (5, b"1\n"), (code, output)
code, output = box.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True)
assert output == (b"o\n", b"e\n"), output
_, stream = box.exec_run(["sh", "-c", "echo 1; echo 2"], stream=True)
assert b"".join(stream) == b"1\n2\n"
sock = box.exec_run("cat", stdin=True, socket=True).output
sock._sock.sendall(b"typed")
sock._sock.shutdown(1)
assert b"typed" in sock.read()
sock.close()
for line in box.logs(stream=True, follow=True):
    assert line == b"started\n"
    break
assert box.logs(tail=1) == b"started\n"

data = io.BytesIO()
with tarfile.open(fileobj=data, mode="w") as tar:
    entry = tarfile.TarInfo("file")
    entry.size = 4
    tar.addfile(entry, io.BytesIO(b"text"))
assert box.put_archive("/tmp", data.getvalue())
chunks, stat = box.get_archive("/tmp/file")
assert stat["name"] == "file" and stat["size"] == 4
with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
    assert tar.extractfile("file").read() == b"text"
assert {"Path": "/tmp/file", "Kind": 1} in box.diff()
stats = box.stats(stream=False)
assert stats["memory_stats"]["usage"] > 0 and stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0
assert any("sleep" in " ".join(row) for row in box.top()["Processes"])
box.update(mem_limit="128m", memswap_limit="256m")
box.reload()
assert box.attrs["HostConfig"]["Memory"] == 128 << 20
box.pause()
box.reload()
assert box.status == "paused"
box.unpause()
box.rename("renamed")
box.kill()
assert box.wait()["StatusCode"] == 137
box.start()
made = box.commit(repository="made", tag="one", changes="CMD [\"true\"]")
assert "made:one" in made.tags and made.attrs["Config"]["Cmd"] == ["true"]
saved = b"".join(made.save(named=True))
client.images.remove("made:one")
assert [i.tags for i in client.images.load(saved)] == [["made:one"]]
client.images.remove("made:one")
assert len(b"".join(box.export())) > 10000

net = client.networks.create("net", driver="bridge", labels={"a": "b"})
net.connect(box, aliases=["alias"])
net.reload()
assert [c.name for c in net.containers] == ["renamed"]
assert client.containers.run("busybox", "ping -c1 -w5 alias", network="net", remove=True)
net.disconnect(box)
events = client.events(decode=True, filters={"container": "renamed", "event": "destroy"})
box.remove(force=True, v=True)
assert next(events)["Action"] == "destroy"
events.close()
net.remove()
client.volumes.get("data").remove()
assert client.volumes.create("other", labels={"x": "y"}).attrs["Labels"] == {"x": "y"}
assert client.volumes.prune(filters={"all": ["true"]})["VolumesDeleted"] == ["other"]
assert client.containers.prune()["SpaceReclaimed"] is not None
assert client.df()["Images"] is not None
try:
    client.containers.get("renamed")
    raise SystemExit("a missing container is told")
except docker.errors.NotFound as error:
    assert "No such container: renamed" in error.explanation
