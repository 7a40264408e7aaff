"""What a scan of clean trees finds, and what it is: one line for each sort of place that somebody looked at."""

from __future__ import annotations

PUBLIC, FALSE = "public value", "false alarm"

EXPLAINED: tuple[tuple[str, str, str, str], ...] = (
    ("*/lib/python*/test/*", "pem-private-key-*", PUBLIC, "private keys that CPython ships for the tests of its ssl module"),
    ("*/moto/moto_proxy/*.key", "pem-private-key-*", PUBLIC, "key of moto's local proxy, the same in every installation"),
    ("*/moto/cognitoidp/resources/*", "jwk-private-key", PUBLIC, "signing key of moto's imitation of Cognito"),
    (
        "*/moto/iam/*aws_managed_policies*",
        "aws-secret-access-key",
        FALSE,
        "name of a policy statement: 40 letters and a digit, called Sid",
    ),
    ("*/moto/*", "aws-session-token*", FALSE, "made-up values with which moto answers in place of AWS"),
    ("*/moto/*", "generic-*", FALSE, "made-up values with which moto answers in place of AWS"),
    ("*/awscli/examples/iot/*", "pem-private-key-*", PUBLIC, "private key in an example answer of the AWS manual"),
    (
        "*/awscli/examples/*",
        "aws-access-token",
        PUBLIC,
        "access key id of AWS itself in a signed link of the manual; expired in 2019",
    ),
    ("*/awscli/examples/*", "aws-session-token*", PUBLIC, "session token in an example answer of the AWS manual"),
    ("*/awscli/examples/eks/*", "aws-secret-access-key", FALSE, "issuer of a cluster: a path with a random id as long as a key"),
    ("*/awscli/examples/apigateway/*", "aws-secret-access-key", FALSE, "id of an API key, as long as a secret key"),
    (
        "*/awscli/examples/iotwireless/*",
        "ethereum-private-key",
        FALSE,
        "AppServerPrivateKey of an example: 64 hex digits, another sort of private key",
    ),
    ("*/botocore/data/*", "aws-session-token*", FALSE, "example values in the API descriptions of AWS"),
    ("*/botocore/data/*", "generic-*", FALSE, "example values in the API descriptions of AWS"),
    ("*/botocore/data/datasync/*", "azure-sas-token", PUBLIC, "example of a signature in the API description; expired in 2023"),
    ("*/urllib3/packages/rfc3986/builder.py*", "basic-auth-url", FALSE, "doctest with a made-up password in an address"),
    ("*/oauthlib/*", "generic-*", FALSE, "made-up tokens in docstrings, copied from RFC 5849 and RFC 6749"),
    ("*/joserfc-*", "json-web-token", PUBLIC, "token of the README, signed with the key `your-secret-key`"),
    ("*/PyJWT-*", "json-web-token", PUBLIC, "token of the README, signed with the key `secret`"),
    ("*/doc/python3-jwt/*", "json-web-token", PUBLIC, "token of the README and of the change log"),
    ("*/jwt/*", "json-web-token", PUBLIC, "token of the documentation"),
    ("*/cryptography/*", "generic-secret", FALSE, "text beside a name in compiled code"),
    ("*/rsa/__pycache__/key.*", "generic-secret", FALSE, "text beside a name in compiled code"),
    (
        "*/package-lists/npm.tsv",
        "circleci-api-project-token",
        PUBLIC,
        "token of a build badge that a package publishes in its own description",
    ),
    ("*/package-lists/pypi.tsv", "launchdarkly-sdk-key", FALSE, "a package called sdk- and a UUID"),
    ("*/package-lists/*", "azure-sql-password", FALSE, "descriptions of packages for Azure SQL"),
    ("*/python3-pip/*authentication*", "basic-auth-url", FALSE, "made-up password in the manual of pip"),
    ("*/nss/pkcs12t.h", "certificate-file-password", FALSE, "name of a C type near the word pkcs12"),
    ("*/@npmcli/arborist/README.md", "generic-password", FALSE, "base64 of `not my real password` in a README"),
    ("*/@npmcli/arborist/README.md", "npmrc-basic-auth", FALSE, "base64 of `not my real password` in a README"),
    ("*/info/grep.info*", "generic-password", FALSE, "a line of /etc/passwd in the manual of grep"),
    ("*/Net/Netrc.pm", "netrc-password", FALSE, "example of a .netrc file in the module's documentation"),
    ("*/cmake-*/Templates/Windows/*.pfx", "pkcs12-file", PUBLIC, "certificate with which CMake signs test packages"),
    ("*/man/nl/man5/sources.list.5*", "url-credentials", FALSE, "`user:password@server` in Dutch"),
    ("*/man/*/git-config.1*", "smtp-credentials", FALSE, "list of setting names"),
    ("*/man5/systemd.netdev.5*", "wireguard-private-key", PUBLIC, "key in the example of the manual"),
    ("*/man1/mysqld_multi.1*", "sql-account-password", FALSE, "password `multipass` of the example in the manual"),
    ("*/libxmlsec1-dev/examples/*", "pem-private-key-*", PUBLIC, "key of the library's examples"),
)
"""(path pattern, detector pattern, sort, explanation); the first that fits counts. Each line was looked at in the file."""
