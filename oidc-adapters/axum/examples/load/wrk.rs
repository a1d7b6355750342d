//! Starts `wrk` with requests of all kinds, in turn.

use super::{Problem, judge::Decision};
use std::process::Stdio;
use tokio::process::{Child, Command};

const SCRIPT: &str = r#"
local began = nil
local before, after = {}, {}
function init(args)
  for i = 1, #args, 2 do
    local headers = {}
    if args[i + 1] ~= "-" then headers["Authorization"] = "Bearer " .. args[i + 1] end
    local request = wrk.format("GET", wrk.path .. "?" .. args[i], headers)
    if args[i] ~= "new" then before[#before + 1] = request end
    after[#after + 1] = request
  end
end
local turn = 0
function request()
  began = began or os.time()
  local all = os.time() - began >= AFTER and after or before
  turn = turn % #all + 1
  return all[turn]
end
"#;

pub(crate) fn start(url: &str, seconds: u64, tokens: &[(Decision, String)]) -> Result<Child, Problem> {
    let script = std::env::temp_dir().join(format!("oidc-load-{}.lua", std::process::id()));
    // The script counts whole seconds. It waits a second more, so that no token comes before its key.
    let after = (seconds * 9).div_ceil(20) + 1;
    std::fs::write(&script, SCRIPT.replace("AFTER", &after.to_string()))?;
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", "32", "--timeout", "10s", "--latency"]);
    command.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&script).arg(url).arg("--");
    for (want, token) in tokens {
        command.arg(want.name()).arg(if token.is_empty() { "-" } else { token });
    }
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Ok(child.map_err(|error| format!("cannot start wrk (Debian's package `wrk`): {error}"))?)
}
