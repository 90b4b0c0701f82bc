from flask import Flask, redirect, request, url_for
from markupsafe import escape

app = Flask(__name__)


@app.get("/")
def hello():
    return "Hello from Flask!\n"


@app.get("/hello/<name>")
def hello_name(name):
    return f"Hello {escape(name)}!\n"


@app.get("/links")
def links():
    # `url_for` begins with the path that the application is mounted at.
    return f"""<!doctype html>
<html lang="en">
<title>Links</title>
<link rel="icon" href="data:,">
<p><a id="hello" href="{url_for("hello_name", name="you")}">Say hello</a>
<p><a id="redirect" href="{url_for("moved")}">Follow a redirect</a>
<p><a id="folder" href="{url_for("folder").rstrip("/")}">Open a folder</a>
<form method="post" action="{url_for("form")}"><input name="name" value="you"><button>Send</button></form>
</html>
"""


@app.get("/moved")
def moved():
    return redirect(url_for("links"))


@app.get("/folder/")
def folder():
    return "A path without its last slash leads here.\n"


@app.post("/form")
def form():
    return {"name": request.form["name"], "files": {key: len(file.read()) for key, file in request.files.items()}}


@app.get("/count-to/<int:last>")
def count(last):
    return (f"{number}\n" for number in range(1, last + 1)), {"Content-Type": "text/plain"}
