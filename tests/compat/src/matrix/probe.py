# Asks servers whom they see: argument [[protocol, address, port], ...], answer a list of texts.
import errno, json, socket, sys, threading, time

PATIENCE = 3

def ask(protocol, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as s:
        s.settimeout(PATIENCE)
        s.connect((address, port))
        if protocol == "tcp":
            return s.recv(100).decode() or "closed"
        for _ in range(PATIENCE):
            s.settimeout(1)
            s.send(b"?")
            try:
                return s.recv(100).decode()
            except TimeoutError:
                pass
        raise TimeoutError

def nobody(protocol):
    # Whether a refusal of a datagram is told is a matter of the kernel's limits.
    return "nobody" if protocol == "udp" else "silent"

def said(probe):
    try:
        return ask(*probe)
    except ConnectionRefusedError:
        return "refused" if probe[0] == "tcp" else nobody("udp")
    except ConnectionResetError:
        return "closed"
    except OSError as e:
        return "no route" if e.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL) else nobody(probe[0])

probes = json.loads(sys.argv[1])
answers = [None] * len(probes)
def work(i):
    answers[i] = said(probes[i])
threads = [threading.Thread(target=work, args=(i,)) for i in range(len(probes))]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(json.dumps(answers))
