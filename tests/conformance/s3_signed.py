"""Signs again, with botocore, what the rail signed for S3: both signatures have to be the same.

Reads from standard input {"id", "secret", "region", "links": [{"url", "token"}], "requests": [{"method", "url", "headers",
"digest", "token"}]}: links are URLs that read an object, requests are as they arrived, with the SHA-256 of their body.
"""

import datetime
import json
import re
import sys
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.auth
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from checks import run

TOLD = json.load(sys.stdin)
LINKS, REQUESTS = TOLD["links"], TOLD["requests"]
WHEN = "%Y%m%dT%H%M%SZ"


def credentials(of, secret=TOLD["secret"]):
    return Credentials(TOLD["id"], secret, of["token"]).get_frozen_credentials()


def at(moment):
    """botocore signs for the present: this is the present to it."""
    time = datetime.datetime.strptime(moment, WHEN).replace(tzinfo=datetime.timezone.utc)
    return mock.patch.object(botocore.auth, "get_current_datetime", return_value=time)


def query_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def bare(url):
    return url.split("?")[0]


def linked_again(link, url=None, **other):
    """The query of botocore's link to the same object."""
    query = query_of(link["url"])
    request = AWSRequest(method="GET", url=url or bare(link["url"]))
    with at(query["X-Amz-Date"]):
        expires = int(query["X-Amz-Expires"])
        signer = S3SigV4QueryAuth(credentials(link, **other), "s3", TOLD["region"], expires=expires)
        signer.add_auth(request)
    return query_of(request.url)


def signature(authorization):
    return re.search(r"Signature=([0-9a-f]{64})$", authorization)[1]


def signed_again(request, url=None, digest=None, **other):
    """botocore's header for the same request: of its headers, those that were signed."""
    headers = request["headers"]
    names = re.search(r"SignedHeaders=([^,]+)", headers["authorization"])[1].split(";")
    own = ("host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token")
    again = AWSRequest(
        method=request["method"],
        url=url or request["url"],
        headers={name: headers[name] for name in names if name not in own},
    )
    again.context["client_config"] = mock.Mock(s3={"payload_signing_enabled": True})
    with at(headers["x-amz-date"]):
        signer = S3SigV4Auth(credentials(request, **other), "s3", TOLD["region"])
        # The body is not here, its digest is.
        with mock.patch.object(signer, "payload", return_value=digest or request["digest"]):
            signer.add_auth(again)
    return again.headers["Authorization"]


def every_link_is_botocores():
    assert len(LINKS) > 10
    for link in LINKS:
        again = linked_again(link)
        assert query_of(link["url"]) == again, f"{link['url']}\n{again}"


def every_request_is_signed_as_botocore_signs_it():
    assert {request["method"] for request in REQUESTS} == {"PUT", "POST", "DELETE"}
    for request in REQUESTS:
        headers = request["headers"]
        assert headers["x-amz-content-sha256"] == request["digest"], request
        assert headers.get("x-amz-security-token") == request["token"], request
        again = signed_again(request)
        ours = headers["authorization"]
        assert signature(ours) == signature(again), f"{request}\n{again}"
        scope = r"Credential=([^,]+),"
        assert re.search(scope, ours)[1] == re.search(scope, again)[1], f"{ours}\n{again}"


def what_could_be_changed_on_the_way_is_signed():
    for request in REQUESTS:
        names = re.search(r"SignedHeaders=([^,]+)", request["headers"]["authorization"])[1].split(";")
        for name in request["headers"]:
            if name.startswith("x-amz-") or name in ("host", "content-type", "if-none-match"):
                assert name in names, f"{name} of {request}"


def another_key_or_path_has_another_signature():
    for link in LINKS:
        ours = query_of(link["url"])["X-Amz-Signature"]
        for changed in (
            linked_again(link, secret="another"),
            linked_again(link, url=bare(link["url"]) + "x"),
            linked_again({**link, "token": "another"}),
        ):
            assert changed["X-Amz-Signature"] != ours, link
    for request in REQUESTS:
        ours = signature(request["headers"]["authorization"])
        for changed in (
            signed_again(request, secret="another"),
            signed_again(request, url=request["url"].replace("exports-bucket", "exports-bucked")),
            signed_again(request, digest="0" * 64),
            signed_again({**request, "token": "another"}),
        ):
            assert signature(changed) != ours, request


def names_keep_their_characters():
    paths = {unquote(urlsplit(link["url"]).path) for link in LINKS}
    for name in ("/run 1/été 東京.csv", "/a+b=c&d.csv", "/100%20.csv", "/q?x#y;z:@,$.csv"):
        assert any(path == name for path in paths), f"{name} in {paths}"


if __name__ == "__main__":
    sys.exit(
        run(
            [
                every_link_is_botocores,
                every_request_is_signed_as_botocore_signs_it,
                what_could_be_changed_on_the_way_is_signed,
                another_key_or_path_has_another_signature,
                names_keep_their_characters,
            ],
            "botocore's signer",
        )
    )
