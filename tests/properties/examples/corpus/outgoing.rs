//! Requests of an application to an API, and the answers.

pub(crate) fn outgoing() -> super::Entries {
    const NONCE: &str = "401\nwww-authenticate: DPoP error=\"use_dpop_nonce\"\ndpop-nonce: n1";
    const OLD: &str =
        "401\nwww-authenticate: Bearer error=\"invalid_token\", DPoP error=\"invalid_token\"\nnewer: second";
    let of = |blocks: &[&str]| blocks.join("\n\n");
    super::entries([
        ("accepted", of(&["https://api.example/orders?page=2", "200"])),
        ("nonce", of(&["https://api.example/orders", NONCE, "200"])),
        ("nonce-twice", of(&["https://api.example/", NONCE, NONCE, "200"])),
        ("newer", of(&["https://api.example/", OLD, "200"])),
        ("newer-twice", of(&["https://api.example/", OLD, OLD])),
        ("nonce-and-newer", of(&["HTTPS://API.example:443/a/../%7Eb", NONCE, OLD, NONCE, "200"])),
        ("same-token", of(&["https://api.example/", "401", "200"])),
        ("stream", of(&["https://api.example/\nonce: yes", NONCE, OLD])),
        (
            "scope",
            of(&[
                "https://api.example/",
                "403\nwww-authenticate: Bearer error=\"insufficient_scope\", scope=\"a b\"",
            ]),
        ),
        (
            "step-up",
            of(&[
                "https://api.example/",
                "401\nwww-authenticate: DPoP error=\"insufficient_user_authentication\", max_age=\"5\"",
            ]),
        ),
        (
            "repeats-the-token",
            of(&[
                "https://api.example/",
                "403\nwww-authenticate: Bearer error=\"{token}\", scope=\"{token}\"",
            ]),
        ),
        (
            "repeats-the-token-as-nonce",
            of(&[
                "https://api.example/",
                "401\nwww-authenticate: DPoP error=\"use_dpop_nonce\"\ndpop-nonce: {token}",
            ]),
        ),
        ("other-origin", of(&["https://api.example.evil.example/", "200"])),
        ("other-port", of(&["https://api.example:8443/", "200"])),
        ("user", of(&["https://api.example@evil.example/", "200"])),
        ("empty-user", of(&["https://@api.example/", "200"])),
        ("own-credentials", of(&["https://api.example/\nauthorization: Bearer own", "200"])),
        ("token-in-query", of(&["https://api.example/?%61ccess_token=own", "200"])),
    ])
}
