# Counts each visit in redis and in postgres, over their own protocols, and tells both numbers.
import http.server, socket, struct


def cache():
    with socket.create_connection(("cache", 6379), 5) as c:
        c.sendall(b"INCR visits\r\n")
        return int(c.recv(64).decode().strip().lstrip(":"))


class Database:
    def __init__(self):
        self.s = socket.create_connection(("db", 5432), 5)
        self.f = self.s.makefile("rb")
        words = b"user\0postgres\0database\0postgres\0\0"
        self.s.sendall(struct.pack("!ii", 8 + len(words), 196608) + words)
        self.until_ready()

    def until_ready(self):
        rows = []
        while True:
            kind, length = struct.unpack("!ci", self.f.read(5))
            body = self.f.read(length - 4)
            if kind == b"E":
                raise RuntimeError(body.decode())
            if kind == b"D":
                rows.append(body[6:].decode())  # one column
            if kind == b"Z":
                return rows

    def query(self, text):
        data = text.encode() + b"\0"
        self.s.sendall(b"Q" + struct.pack("!i", 4 + len(data)) + data)
        return self.until_ready()


def database():
    db = Database()
    db.query("create table if not exists visits (at timestamptz default now())")
    db.query("insert into visits default values")
    [count] = db.query("select count(*) from visits")
    db.s.close()
    return int(count)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            # The database first: a visit that it did not take is counted nowhere.
            rows = database()
            code, text = 200, f"cache {cache()} database {rows}\n"
        except Exception as e:
            code, text = 503, f"{e!r}\n"
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())


http.server.HTTPServer(("0.0.0.0", 8000), Page).serve_forever()
