"""HTTP: reads a request, lets the hub answer it, and cuts the connection where a fault says so."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.standin_hub.messages import Request, Response, as_json

if TYPE_CHECKING:
    from tests.standin_hub.hub import StandInHub


class Server(ThreadingHTTPServer):
    def __init__(self, hub: StandInHub, port: int) -> None:
        super().__init__(("127.0.0.1", port), type("Handler", (_Handler,), {"hub": hub}))

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that was stopped is no news
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the requests are kept in ``StandInHub.requests``."""

    def _handle(self) -> None:
        address = urlsplit(self.path)
        fault = self.hub.take_fault(f"{self.command} {address.path}")
        length = int(self.headers.get("Content-Length") or 0)
        time.sleep(fault.sleep if fault else 0)
        response: Response | None = None
        if self.hub.closed or (fault and fault.drop and not fault.after):
            self.rfile.read(min(length, 65536))
        else:
            body = self.rfile.read(length)
            if fault is None or fault.after or fault.status is None:
                query = parse_qs(address.query)
                request = Request(self.command, address.path, query, self.headers, body, self.hub.url)
                response = self.hub.answer(request)
            if fault and fault.body is not None:
                response = Response(200, fault.body)
            elif fault and fault.status is not None and not fault.drop:
                response = as_json({"error": "injected fault"}, fault.status)
        self._finish(address.path, response, cut=bool(fault and fault.drop), pace=fault.pace if fault else 0)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle

    def _finish(self, path: str, response: Response | None, cut: bool = False, pace: float = 0) -> None:
        """Record the request, then answer it: wholly, by half (``cut``) or not at all."""
        self.hub.record(self.command, path, 0 if response is None or cut else response.status)
        with contextlib.suppress(OSError):  # the client may be gone
            if response is not None:
                self.send_response(response.status)
                for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self._write(response.body[: len(response.body) // 2] if cut else response.body, pace)
            if response is None or cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

    def _write(self, body: bytes, pace: float) -> None:
        """A tenth of a second's bytes at a time, where a fault sets the pace."""
        size = max(1, int(pace / 10)) if pace else len(body)
        for start in range(0, len(body), size or 1):
            self.wfile.write(body[start : start + size])
            if pace and not self.hub.closed:
                time.sleep(size / pace)
