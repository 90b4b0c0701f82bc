//! Databases of the distribution, which a handler uses through their ordinary drivers.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Server, Site, WAIT_LIMIT};

#[test]
fn a_handler_uses_redis_by_its_driver() {
    let redis = Database::redis();
    let server = serve(&redis);
    let target = format!("/redis?redis://localhost:{}", redis.port);
    for count in 1..=2 {
        let answer = server.get(&target);
        let expected = format!("count {count}, {count} in the list, last Some(\"a request\")\n");
        assert_eq!(answer.text(), expected, "{}", server.log());
    }
    // The address itself is not granted.
    let target = format!("/redis?redis://127.0.0.1:{}", redis.port);
    assert_eq!(server.get(&target).status, 502);
}

#[test]
fn a_handler_uses_postgresql_by_its_driver() {
    let postgres = Database::postgres();
    let server = serve(&postgres);
    let target = |password: &str| {
        let port = postgres.port;
        format!("/postgres?postgres://belljar:{password}@localhost:{port}/postgres")
    };
    for count in 1..=2 {
        let answer = server.get(&target("secret"));
        let expected =
            format!("{count} rows, the first is Zo\u{eb}'s, an error is an error: true\n");
        assert_eq!(answer.text(), expected, "{}", server.log());
    }
    let answer = server.get(&target("wrong"));
    assert_eq!(answer.status, 502, "{}", server.log());
    let text = answer.text();
    assert!(text.contains("password authentication failed"), "{text}");
}

/// Serves the handler, which may connect to this database by its name.
fn serve(database: &Database) -> Server {
    let options = Server::options().handler("test_databases");
    options
        .args(&format!("--allow-tcp localhost:{}", database.port))
        .start()
}

/// A database on 127.0.0.1, which ends with the test.
struct Database {
    port: u16,
    server: Child,
    _files: Site,
}

impl Database {
    fn redis() -> Self {
        let files = Site::new(&[]);
        let port = free_port();
        let mut server = Command::new("redis-server");
        server.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        server.args(["--port", &port.to_string()]).arg("--dir");
        server.arg(files.path());
        Self::start(server, port, files)
    }

    fn postgres() -> Self {
        let programs = postgres_programs();
        let files = Site::new(&[("password", "secret\n")]);
        let (data, port) = (files.at("data"), free_port());
        std::fs::create_dir(&data).expect("the folder can be made");
        let mut initdb = as_another(Command::new(programs.join("initdb")), &files);
        initdb
            .arg("--pgdata")
            .arg(&data)
            .arg("--pwfile")
            .arg(files.at("password"));
        initdb.args([
            "--username=belljar",
            "--auth=scram-sha-256",
            "--no-sync",
            "--no-locale",
        ]);
        initdb.arg("--encoding=UTF8");
        let made = initdb.output().expect("initdb can be started");
        assert!(made.status.success(), "{made:?}");
        let mut server = as_another(Command::new(programs.join("postgres")), &files);
        server
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-F", "-k", ""]);
        server.args(["-p", &port.to_string()]);
        Self::start(server, port, files)
    }

    /// Starts a server, and waits until it accepts connections.
    fn start(mut command: Command, port: u16, files: Site) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let server = command.spawn();
        let server = server.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut database = Self {
            port,
            server,
            _files: files,
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = database.server.try_wait().expect("it is a child");
            assert!(
                ended.is_none() && began.elapsed() < WAIT_LIMIT,
                "{command:?}: {ended:?}"
            );
            thread::sleep(Duration::from_millis(20));
        }
        database
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Both servers write what they have to before they end, and the folder is removed afterwards.
        let id = self.server.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.server.wait();
    }
}

/// The folder with the programs of PostgreSQL. Debian keeps each version in a folder of its own.
fn postgres_programs() -> PathBuf {
    let versions = Path::new("/usr/lib/postgresql").read_dir();
    let mut versions = versions.into_iter().flatten().flatten();
    let found = versions.find_map(|version| {
        let folder = version.path().join("bin");
        folder.join("initdb").is_file().then_some(folder)
    });
    found.expect("PostgreSQL is missing; run cargo xtask test")
}

/// The command as another user than root, as whom PostgreSQL does not run. That user then owns the files.
fn as_another(mut command: Command, files: &Site) -> Command {
    if rustix::process::getuid().is_root() {
        for path in [
            files.around().to_owned(),
            files.path(),
            files.at("data"),
            files.at("password"),
        ] {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// The user `nobody`.
const NOBODY: u32 = 65534;
