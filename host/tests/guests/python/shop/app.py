"""An application with Flask as people write it: templates, static files, a session, uploads, and calls to other services."""

import hashlib
import http.client
import json
import os
import tempfile
import urllib.request
from pathlib import Path

import requests
from flask import Flask, render_template, request, send_file, session

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "dev")
app.config["MAX_FORM_MEMORY_SIZE"] = 100_000_000
PRICES = json.loads(Path(__file__).with_name("prices.json").read_text())


@app.get("/")
def index():
    return render_template("index.html", prices=PRICES)


@app.get("/visit")
def visit():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])


@app.get("/address")
def address():
    return f"{request.remote_addr}"


@app.post("/upload")
def upload():
    file = request.files["file"]
    copy = tempfile.NamedTemporaryFile(suffix=".bin")
    file.save(copy)
    copy.flush()
    with open(copy.name, "rb") as again:
        content = again.read()
    return {"name": file.filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest(), "note": request.form["note"]}


@app.get("/prices.json")
def prices():
    return send_file("prices.json")


@app.get("/late")
def late():
    # Neither is loaded before.
    import statistics
    import wsgiref.handlers

    return f"{statistics.mean([1, 2, 3])} {wsgiref.handlers.__name__}"


@app.get("/call/<library>")
def call(library):
    url = request.args["url"]
    try:
        if library == "requests":
            answer = requests.post(url, json={"a": 1}, timeout=10)
            return f"{answer.status_code} {answer.text}"
        if library == "urllib":
            with urllib.request.urlopen(url) as answer:
                return f"{answer.status} {answer.read().decode()}"
        host = url.removeprefix("http://").partition("/")[0]
        connection = http.client.HTTPConnection(host)
        connection.request("PUT", "/put", body=iter([b"in ", b"pieces"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        answer = connection.getresponse()
        return f"{answer.status} {answer.read().decode()}"
    except OSError as error:
        return str(error), 502
