//! A Redis for one test, on a free port, with a folder of its own and without persistence.

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio, id},
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};

/// A running Redis. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a Redis. `None` if there is none on this machine, unless `OIDC_REQUIRE_REDIS=1` demands it.
    pub(crate) fn start() -> Option<Self> {
        let found =
            Command::new("redis-server").arg("--version").output().is_ok_and(|out| out.status.success());
        if !found {
            let required = std::env::var_os("OIDC_REQUIRE_REDIS").is_some_and(|value| value == "1");
            assert!(!required, "OIDC_REQUIRE_REDIS=1, and there is no `redis-server`");
            eprintln!("skipped: there is no `redis-server` (Debian: apt-get install redis-server)");
            return None;
        }
        // Another program may take a free port first.
        (0..8).find_map(|_| Self::start_on(free_port())).or_else(|| panic!("Redis does not start"))
    }

    /// Starts a Redis on this port. `None` if it does not get the port.
    pub(crate) fn start_on(port: u16) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oidc-redis-{}-{}", id(), COUNT.fetch_add(1, SeqCst));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = lines.any(|line| line.is_ok_and(|line| line.contains("Ready to accept connections")));
        let server = Self { child, folder, port };
        // Nobody may close the pipe before Redis ends.
        std::thread::spawn(move || lines.for_each(drop));
        ready.then_some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port of 127.0.0.1 on which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a port").port()
}
