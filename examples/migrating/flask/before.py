"""Verifies GitHub's webhooks by itself.

GITHUB_SECRET=s3cret flask --app before run --port 3000
"""

import functools
import hashlib
import hmac
import os

from flask import Flask, abort, request

app = Flask(__name__)


def from_github(view):
    @functools.wraps(view)
    def verified():
        digest = hmac.new(os.environ["GITHUB_SECRET"].encode(), request.get_data(), hashlib.sha256)
        signature = request.headers.get("X-Hub-Signature-256", "")
        if not hmac.compare_digest(signature.encode(), b"sha256=" + digest.hexdigest().encode()):
            abort(401)
        return view()

    return verified


@app.post("/github")
@from_github
def github():
    print("github", request.headers["X-GitHub-Event"], request.get_json()["ref"], flush=True)
    return "", 204
