//! A pasted token, claim by claim: what it says, what this API expects, and the verdict of the gate.

use super::Problem;
use axum::http::{Method, Request};
use oidc_axum::Gate;
use oidc_proto::{
    Timestamp, UrlPolicy,
    base::base64url,
    resource::{RequestView, ResourceServer, TrustedIssuer},
    token::DEFAULT_LEEWAY,
};
use serde_json::{Map, Value};
use std::io::{BufRead, Write};

/// The settings of the API that judges the tokens.
pub(super) struct Settings<'s> {
    pub(super) issuer: &'s str,
    pub(super) audience: &'s str,
    pub(super) plain_jwt: bool,
}

/// Reads one token per line from standard input, and explains each.
pub(super) async fn run(settings: &Settings<'_>) -> Result<(), Problem> {
    let gate = gate(settings)?;
    println!("This API trusts {} and is {}.", settings.issuer, settings.audience);
    println!("Paste an access token and press Enter (end with an empty line):");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let token = line.trim().trim_start_matches("Bearer ");
        if token.is_empty() {
            break;
        }
        std::io::stdout().flush()?;
        explain(&gate, settings, token).await?;
    }
    Ok(())
}

fn gate(settings: &Settings<'_>) -> Result<Gate, Problem> {
    let issuer = TrustedIssuer::new(settings.issuer);
    let issuer =
        issuer.access_tokens(|tokens| if settings.plain_jwt { tokens.accept_plain_jwt() } else { tokens });
    let server = ResourceServer::builder(settings.audience).trust(issuer).build()?;
    // `http` is allowed for a provider on this machine, as in the example `login`.
    let policy = UrlPolicy::default().with_loopback();
    Ok(Gate::builder(server, oidc_hyper::Http::new().io()).url_policy(policy).build()?)
}

async fn explain(gate: &Gate, settings: &Settings<'_>, token: &str) -> Result<(), Problem> {
    match parts(token) {
        Some((header, claims)) => show(&header, &claims, settings, oidc_hyper::now()),
        None => {
            println!("\nNot a JWT: only its issuer can say whether it is valid (introspection, RFC 7662).")
        }
    }
    let request = Request::builder().method(Method::GET).uri("/");
    let (parts, ()) = request.header("authorization", format!("Bearer {token}")).body(())?.into_parts();
    match gate.check(&RequestView::of(&parts)).await {
        Ok(access) => {
            let client = access.client_id().unwrap_or("-");
            let subject = access.subject().unwrap_or("-");
            println!(
                "ACCEPTED: subject {subject}, client {client}, scopes {:?}\n",
                access.scopes().collect::<Vec<_>>()
            );
        }
        Err(denied) => println!("REFUSED with {}, {}: {denied}\n", denied.status(), denied.code()),
    }
    Ok(())
}

/// The header and the claims of a JWT. Nothing of them is verified here.
fn parts(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut parts = token.split('.');
    let mut object = || serde_json::from_slice(&base64url::decode(parts.next()?)?).ok();
    let (header, claims) = (object()?, object()?);
    (parts.count() == 1).then_some((header, claims))
}

/// A short form of a value: a token of many groups fills no screen.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn show(header: &Map<String, Value>, claims: &Map<String, Value>, settings: &Settings<'_>, now: Timestamp) {
    println!("\nheader");
    for (name, value) in header {
        println!("  {name:<12} {:<62} {}", short(value), in_header(name, value, settings));
    }
    println!("claims");
    for (name, value) in claims {
        println!("  {name:<12} {:<62} {}", short(value), in_claims(name, value, settings, now));
    }
    for name in ["iss", "aud", "exp"].into_iter().filter(|name| !claims.contains_key(*name)) {
        println!("  {name:<12} {:<62} ✗ it is missing", "");
    }
}

fn in_header(name: &str, value: &Value, settings: &Settings<'_>) -> String {
    match (name, value.as_str()) {
        ("typ", Some("at+jwt" | "application/at+jwt")) => "✓ an access token (RFC 9068)".to_owned(),
        ("typ", _) if settings.plain_jwt => "✓ any JWT, as you have set".to_owned(),
        ("typ", _) => "✗ not `at+jwt`: `--plain-jwt` accepts JWTs that do not say so".to_owned(),
        ("alg", Some("none")) => "✗ no signature".to_owned(),
        ("alg", Some(alg)) if alg.starts_with("HS") => {
            "✗ a shared secret; an API needs a public key".to_owned()
        }
        _ => String::new(),
    }
}

fn in_claims(name: &str, value: &Value, settings: &Settings<'_>, now: Timestamp) -> String {
    let at = value.as_i64().map(Timestamp);
    let leeway = DEFAULT_LEEWAY.as_secs();
    match name {
        "iss" if value == settings.issuer => "✓ the issuer that is trusted".to_owned(),
        "iss" => "✗ another issuer: `--issuer` names the one to trust".to_owned(),
        "aud" if names(value, settings.audience) => "✓ this API is named".to_owned(),
        "aud" => "✗ this API is not named: `--audience` says which it is".to_owned(),
        "exp" => match at {
            Some(at) if at > now => format!("✓ {} s from now", now.until(at).as_secs()),
            Some(at) => format!("✗ {} s ago; the leeway is {leeway} s", at.until(now).as_secs()),
            None => "✗ not a number".to_owned(),
        },
        "nbf" | "iat" => match at {
            Some(at) if at > now => {
                format!("? {} s in the future; the leeway is {leeway} s", now.until(at).as_secs())
            }
            Some(at) => format!("✓ {} s ago", at.until(now).as_secs()),
            None => "✗ not a number".to_owned(),
        },
        "cnf" => "? bound to a key: a bearer token is not enough".to_owned(),
        "nonce" | "at_hash" | "c_hash" => "? usually in ID tokens only".to_owned(),
        _ => String::new(),
    }
}

fn names(aud: &Value, audience: &str) -> bool {
    aud == audience || aud.as_array().is_some_and(|list| list.iter().any(|one| one == audience))
}
