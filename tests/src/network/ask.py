# Asks 127.0.0.11: arguments PROTOCOL NAME [EDNS SIZE]; prints the code, flags, number of answers, the first address, seconds.
import socket, struct, sys, time

protocol, name = sys.argv[1:3]
size = int(sys.argv[3]) if len(sys.argv) > 3 else 0
identity = b"\xbe\xef"
section = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0\0\1\0\1"
extra = b"\0" + struct.pack(">HHIH", 41, size, 0, 0) if size else b""
query = identity + struct.pack(">HHHHH", 0x100, 1, 0, 0, 1 if size else 0) + section + extra
begun = time.monotonic()
if protocol == "udp":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(60)
    s.sendto(query, ("127.0.0.11", 53))
    print("asked", file=sys.stderr, flush=True)
    reply = s.recv(65535)
else:
    s = socket.socket()
    s.settimeout(60)
    s.connect(("127.0.0.11", 53))
    s.sendall(struct.pack(">H", len(query)) + query)
    print("asked", file=sys.stderr, flush=True)
    length = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]
    reply = s.recv(length, socket.MSG_WAITALL)
took = time.monotonic() - begun
assert reply[:2] == identity and reply[2] & 0x80, reply[:12]
assert reply[12 : 12 + len(section)].lower() == section.lower(), reply[:80]
code, cut, answers = reply[3] & 15, bool(reply[2] & 2), struct.unpack(">H", reply[6:8])[0]
first = "-"
if answers:
    first = socket.inet_ntoa(reply[12 + len(section) :][12:16]) if reply[12 + len(section)] == 0xC0 else "?"
print(code, "cut" if cut else "whole", answers, first, f"{took:.2f}")
