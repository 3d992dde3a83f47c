"""Testcontainers for Python, without its reaper, whose image is not here."""

import os

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

import socket

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.waiting_utils import wait_for_logs

with DockerContainer("redis").with_exposed_ports(6379).with_name("cache") as cache:
    wait_for_logs(cache, "Ready to accept connections", timeout=30)
    host, port = cache.get_container_host_ip(), int(cache.get_exposed_port(6379))
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"
    code, output = cache.exec(["redis-cli", "ping"])
    assert (code, output) == (0, b"PONG\n"), (code, output)

with Network() as network:
    server = DockerContainer("busybox").with_command("sh -c 'echo page > index.html; httpd -f -v -p 80'")
    with server.with_network(network).with_network_aliases("server"):
        client = DockerContainer("busybox").with_command("sleep 1000").with_network(network)
        with client.with_env("A", "1").with_volume_mapping("/etc/hostname", "/from-host", "ro"):
            code, output = client.exec(["wget", "-qO-", "http://server/"])
            assert (code, output) == (0, b"page\n"), (code, output)
            assert client.exec(["sh", "-c", "test -s /from-host && echo $A"]).output == b"1\n"
