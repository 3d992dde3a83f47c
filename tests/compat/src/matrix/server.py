# Answers whoever asks, over TCP and UDP, with the address that is seen.
import socket, sys, threading, time

def name(address):
    return address[0].removeprefix("::ffff:").encode()

def wildcard(kind, port):
    s = socket.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    return s

def tcp(s):
    s.listen(100)
    while True:
        c, a = s.accept()
        c.sendall(name(a))
        c.close()

def udp(s):
    while True:
        try:
            _, a = s.recvfrom(100)
            s.sendto(name(a), a)
        except OSError:
            pass

for port in map(int, sys.argv[1:]):
    for work, kind in (tcp, socket.SOCK_STREAM), (udp, socket.SOCK_DGRAM):
        threading.Thread(target=work, args=(wildcard(kind, port),), daemon=True).start()
print("ready", flush=True)
while True:
    time.sleep(3600)
