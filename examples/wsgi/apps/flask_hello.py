from flask import Flask, request
from markupsafe import escape

app = Flask(__name__)


@app.get("/")
def hello():
    return "Hello from Flask!\n"


@app.get("/hello/<name>")
def hello_name(name):
    return f"Hello {escape(name)}!\n"


@app.post("/form")
def form():
    return {"name": request.form["name"], "files": {key: len(file.read()) for key, file in request.files.items()}}


@app.get("/count-to/<int:last>")
def count(last):
    return (f"{number}\n" for number in range(1, last + 1)), {"Content-Type": "text/plain"}
