import sys
from wsgiref.simple_server import make_server

from greeter import greet


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [greet(environ["PATH_INFO"].strip("/") or "you").encode() + b"\n"]


if "--once" in sys.argv:
    print(app({"PATH_INFO": "/once"}, lambda *_: None)[0].decode(), end="")
else:
    make_server("", 8000, app).serve_forever()
