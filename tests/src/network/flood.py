# Sends 127.0.0.11 what is no question, in masses: argument the number of datagrams.
import os, random, socket, struct, sys

count = int(sys.argv[1])
rng = random.Random(7)
good = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\3two\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setblocking(False)
def mutated():
    b = bytearray(good)
    for _ in range(rng.randrange(1, 5)):
        b[rng.randrange(len(b))] = rng.randrange(256)
    return bytes(b[: rng.randrange(len(b) + 1)]) if rng.random() < 0.3 else bytes(b)
def loop():
    b = bytearray(good[:12])
    return bytes(b) + b"\xc0\x0c" * rng.randrange(1, 200)
makers = [mutated, loop, lambda: os.urandom(rng.randrange(600)), lambda: good[:12] + b"\x3f" * 3000, lambda: good[:4] + b"\xff" * 8 + good[12:]]
sent = 0
while sent < count:
    try:
        s.sendto(rng.choice(makers)(), ("127.0.0.11", 53))
        sent += 1
    except BlockingIOError:
        pass
# And connections that say nothing, too little, or too much.
idle = []
for n in range(300):
    c = socket.socket()
    c.settimeout(5)
    try:
        c.connect(("127.0.0.11", 53))
        c.send([b"", b"\xff", struct.pack(">H", 65535) + os.urandom(100), b"\0\0" * 50][n % 4] or b"\0")
    except OSError:
        pass
    idle.append(c)
print("sent", flush=True)
