//! What counts as passed: every check of the suite, and the end that the client should come to.

use crate::suite::Ran;
use serde_json::Value;

/// How the client ends.
#[derive(Clone, Copy, Debug)]
pub enum Ends {
    /// It has called the tools of the server.
    Done,
    /// It refuses to go on, with this code.
    Refused(&'static str),
}

/// Says why a run has not passed. The suite counts a warning as a failure, and so does this.
pub fn judge(ran: &Ran, ends: Ends) -> Result<(), String> {
    let status = |check: &Value, wanted: &str| check["status"] == wanted;
    let bad = ran.checks.iter().filter(|check| status(check, "FAILURE") || status(check, "WARNING"));
    let mut found: Vec<String> = bad.map(shown).collect();
    if !ran.checks.iter().any(|check| status(check, "SUCCESS")) {
        found.push("no check has passed".to_owned());
    }
    let wanted = match ends {
        Ends::Done => "done".to_owned(),
        Ends::Refused(code) => format!("refused: {code}"),
    };
    let last = ran.stdout.lines().next_back().unwrap_or("nothing");
    if last != wanted {
        found.push(format!("the client ends with `{last}`, and not with `{wanted}`"));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nThe client printed:\n{}{}", found.join("\n"), ran.stdout, ran.stderr))
}

/// A check in one line.
fn shown(check: &Value) -> String {
    let text = |member: &str| check[member].as_str().unwrap_or_default();
    let details = check.get("details").map(|details| format!(" {details}")).unwrap_or_default();
    let (status, id) = (text("status"), text("id"));
    format!("{status} {id}: {} {}{details}", text("description"), text("errorMessage"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ran(checks: &[&str], stdout: &str) -> Ran {
        let checks = checks.iter().map(|status| json!({"id": "pkce", "status": status})).collect();
        Ran { checks, stdout: stdout.to_owned(), stderr: String::new() }
    }

    #[test]
    fn a_run_passes_only_if_every_check_does_and_the_client_comes_to_its_end() {
        let refused = Ends::Refused("no_pkce");
        for (checks, stdout, ends, passes) in [
            (&["INFO", "SUCCESS"][..], "tools\ndone\n", Ends::Done, true),
            (&["SUCCESS"], "refused: no_pkce\n", refused, true),
            (&["SUCCESS", "WARNING"], "done\n", Ends::Done, false),
            (&["FAILURE", "SUCCESS"], "done\n", Ends::Done, false),
            (&["INFO"], "done\n", Ends::Done, false),
            (&[], "done\n", Ends::Done, false),
            (&["SUCCESS"], "", Ends::Done, false),
            (&["SUCCESS"], "refused: no_pkce\n", Ends::Done, false),
            (&["SUCCESS"], "done\n", refused, false),
            (&["SUCCESS"], "refused: no_pkce_at_all\n", refused, false),
        ] {
            let verdict = judge(&ran(checks, stdout), ends);
            assert_eq!(verdict.is_ok(), passes, "{checks:?} {stdout} {ends:?}: {verdict:?}");
        }
    }

    #[test]
    fn a_failure_shows_its_checks_and_what_the_client_has_printed() {
        let mut failed = ran(&["SUCCESS", "FAILURE"], "refused: no_response\n");
        failed.stderr = "no route\n".to_owned();
        let text = judge(&failed, Ends::Done).expect_err("a failure");
        for part in ["FAILURE pkce", "`refused: no_response`", "no route"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
