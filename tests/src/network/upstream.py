# A name server of the outside world that misbehaves as the asked name says. Arguments: ADDRESS, and what it says of itself.
import socket, struct, sys, threading, time

ADDRESS, SELF = sys.argv[1], sys.argv[2]

def question(data):
    at, labels = 12, []
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels).lower(), data[12 : at + 5]

def answer(data, addresses, rcode=0, flags=0, identity=None, asked=None):
    name, section = question(data)
    identity = data[:2] if identity is None else identity
    head = identity + struct.pack(">HHHHH", 0x8180 | flags | rcode, 1, len(addresses), 0, 0)
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4" + socket.inet_aton(a) for a in addresses)
    return head + (section if asked is None else asked) + records

def many(count):
    return [f"10.{i >> 8}.{i & 255}.9" for i in range(count)]

def other(identity):
    return bytes([identity[0] ^ 0x55, identity[1] ^ 0xAA])

LIE = b"\5wrong\4test\0\0\1\0\1"

def udp(data):
    """The datagrams to send, each after a pause."""
    kind = question(data)[0].split(".")[0]
    if kind == "silent":
        return []
    if kind == "slow":
        return [(1.2, answer(data, ["10.1.1.1"]))]
    if kind == "lies":
        return [
            (0, answer(data, ["6.6.6.6"], identity=other(data[:2]))),
            (0, answer(data, ["6.6.6.6"], asked=LIE)),
            (0, data),
            (0, b""),
            (0, b"\0" * 11),
            (0.2, answer(data, ["10.1.1.2"])),
        ]
    if kind == "onlylies":
        return [(0, answer(data, ["6.6.6.6"], identity=other(data[:2]))), (0, answer(data, ["6.6.6.6"], asked=LIE))]
    if kind == "truncated":
        return [(0, answer(data, [], flags=0x200))]
    if kind == "large":
        return [(0, answer(data, many(200)))]
    if kind == "servfail":
        return [(0, answer(data, [], rcode=2))] if SELF == "first" else [(0, answer(data, ["10.1.1.3"]))]
    if kind == "nowhere":
        return [(0, answer(data, [], rcode=3))]
    return [(0, answer(data, ["10.1.1.9" if SELF == "first" else "10.1.1.10"]))]

def tcp(data):
    kind = question(data)[0].split(".")[0]
    if kind == "truncated":
        return answer(data, many(300))
    if kind == "huge":
        return answer(data, many(4000))
    if kind == "cut":
        return None
    return answer(data, ["10.1.1.11"])

def send(s, to, datagrams):
    for pause, bytes_ in datagrams:
        time.sleep(pause)
        s.sendto(bytes_, to)

def converse(c):
    with c:
        length = struct.unpack(">H", c.recv(2, socket.MSG_WAITALL))[0]
        reply = tcp(c.recv(length, socket.MSG_WAITALL))
        if reply is None:
            c.sendall(b"\xff\xff\0\0\0")
        else:
            c.sendall(struct.pack(">H", len(reply)) + reply)

def serve_tcp(s):
    while True:
        c, _ = s.accept()
        threading.Thread(target=converse, args=(c,), daemon=True).start()

u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind((ADDRESS, 53))
t = socket.socket()
t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
t.bind((ADDRESS, 53))
t.listen(50)
threading.Thread(target=serve_tcp, args=(t,), daemon=True).start()
print("ready", flush=True)
while True:
    data, to = u.recvfrom(65535)
    try:
        threading.Thread(target=send, args=(u, to, udp(data)), daemon=True).start()
    except (IndexError, UnicodeDecodeError):
        pass
