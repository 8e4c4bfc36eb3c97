"""Caddy verifies. Flask listens on this machine only.

flask --app after run --port 3000
"""

from flask import Flask, request

app = Flask(__name__)


@app.post("/github")
def github():
    print("github", request.headers["Webhook-Event"], request.get_json()["ref"], flush=True)
    return "", 204
