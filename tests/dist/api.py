#!/usr/bin/env python3
"""The API of 'make dist-test': api.py LOG. Prints its URL, demands the token, and appends a line with path and document of
each POST to LOG. Ends when its stdin does."""

import http.server
import sys
import threading

TOKEN = "s3cr3t"


class Api(http.server.BaseHTTPRequestHandler):
    """Answers a POST with what it was sent."""

    def do_POST(self):
        document = self.rfile.read(int(self.headers["Content-Length"])).decode()
        right = self.headers["Authorization"] == f"Bearer {TOKEN}"
        if right:
            with open(sys.argv[1], "a", encoding="utf-8") as log:
                log.write(f"{self.path} {document}\n")
        answer = f'{{"received":{document}}}\n' if right else '{"error":"the token is wrong"}\n'
        self.send_response(200 if right else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.encode())))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
