//! Layers of defence: what the kernel denies to a server and to its compilers.
//!
//! The attacks play an engine or a compiler that guests have taken over: a process of this test program puts on the layers
//! and then tries to get out.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use belljar::config::Config;
use belljar::hardening::{Paths, harden_compiler, harden_server};

use crate::support::{
    Server, Site, WAIT_LIMIT, answering, exploding, processes_below, system_call,
};

#[test]
fn logs_the_layers_in_one_line() {
    let site = Site::new(&[("index.html", "page")]);
    for (flags, on, off) in [
        (
            "",
            &[
                "privileges",
                "core-dumps",
                "landlock",
                "seccomp",
                "compiler",
            ][..],
            &[][..],
        ),
        (
            "--no-hardening landlock,compiler",
            &["privileges", "core-dumps", "seccomp"],
            &["landlock", "compiler"],
        ),
        (
            "--no-hardening seccomp --no-hardening privileges",
            &["core-dumps", "landlock", "compiler"],
            &["privileges", "seccomp"],
        ),
    ] {
        let server = Server::options().arg(site.path()).args(flags).start();
        let line = server.wait_for_log("the layers", |line| line.contains("hardening on: "));
        let (_, layers) = line.split_once("hardening ").expect("the layers");
        let mut expected = format!("on: {}", on.join(", "));
        if !off.is_empty() {
            expected += &format!("; off: {}", off.join(", "));
        }
        assert_eq!(layers, expected);
        assert_eq!(server.get("/").text(), "page", "{flags}");
    }
}

#[test]
fn all_threads_of_a_server_have_the_layers() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("a"));
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start();
    assert_eq!(server.get("/a").text(), "a");
    let threads = format!("/proc/{}/task", server.process_id());
    let threads = fs::read_dir(threads).expect("the process is there");
    let mut count = 0;
    for thread in threads {
        let folder = thread.expect("the thread is listed").path();
        // Threads may end meanwhile.
        let Ok(status) = fs::read_to_string(folder.join("status")) else {
            continue;
        };
        assert_eq!(field(&status, "NoNewPrivs:"), "1", "{status}");
        assert_eq!(field(&status, "Seccomp:"), "2", "{status}");
        count += 1;
    }
    assert!(count > 3, "{count} threads");
    assert_eq!(limit(server.process_id(), "Max core file size"), "0");
}

#[test]
fn compilers_have_three_pipes_and_a_fixed_number_of_threads() {
    let site = Site::new(&[]);
    fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .args("--compile-memory 16GiB")
        .start();
    site.write("handlers/a.wasm", &exploding(5_000, 4_000));
    let begin = Instant::now();
    // The filter of system calls is the last layer.
    let (compiler, status) = loop {
        let processes = processes_below(server.process_id());
        let found = processes.into_iter().find_map(|(process, arguments)| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
            let is_ready = arguments.contains("--seconds") && field(&status, "Seccomp:") == "2";
            is_ready.then_some((process, status))
        });
        if let Some(found) = found {
            break found;
        }
        assert!(begin.elapsed() < WAIT_LIMIT, "{}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert_eq!(field(&status, "NoNewPrivs:"), "1");
    let expendable = fs::read_to_string(format!("/proc/{compiler}/oom_score_adj"));
    assert_eq!(expendable.expect("the process is there").trim(), "1000");
    let threads: usize = field(&status, "Threads:").parse().expect("a number");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(threads <= processors + 1, "{threads} threads");
    for name in ["Max core file size", "Max file size", "Max open files"] {
        assert_eq!(limit(compiler, name), "0", "{name}");
    }
    let open = fs::read_dir(format!("/proc/{compiler}/fd")).expect("the process is there");
    let mut open: Vec<_> = open
        .map(|file| file.expect("the file is listed").file_name())
        .collect();
    open.sort();
    assert_eq!(open, ["0", "1", "2"]);
}

#[test]
fn a_reload_that_needs_more_files_says_why_it_is_refused() {
    let site = Site::new(&[("old/index.html", "old"), ("new/index.html", "new")]);
    let other = Site::new(&[("index.html", "other")]);
    let config = |folder: &str| format!("listen = [\"127.0.0.1:0\"]\nfiles = \"{folder}\"\n");
    let file = site.write("belljar.toml", config("old").as_bytes());
    let server = Server::of_config(&file).start();
    assert_eq!(server.get("/").text(), "old");
    let outside = other.path().display().to_string();
    site.write("belljar.toml", config(&outside).as_bytes());
    let line = server.wait_for_log("the refusal", |line| line.contains("Landlock denies"));
    for words in [
        &outside,
        "restart the server",
        "the previous configuration stays in use",
    ] {
        assert!(line.contains(words), "{line}");
    }
    assert_eq!(server.get("/").text(), "old");
    site.write("belljar.toml", config("new").as_bytes());
    server.wait_for_text("/", "new");
}

/// Plays an engine that a guest has broken out of.
#[test]
fn a_broken_engine_reaches_only_what_was_granted() {
    let site = Site::new(&[("public/page.html", "page"), ("data/old", "old")]);
    site.write("components/a.wasm", b"");
    let config = r#"
        [[site]]
        files = "../public"
        [[site.route]]
        path = "/a"
        component = "../components/a.wasm"
        [site.route.grants]
        dirs = ["../data::/data:rw"]
    "#;
    site.write("config/belljar.toml", config.as_bytes());
    // Beside the folder around the grants: folders are granted together with what may take their place.
    fs::write(site.around().join("secret"), "s").expect("the file can be written");
    let said = attack("hardening::attack_of_a_broken_engine", &site.path());
    for (what, expected) in [
        ("read a page", "done"),
        ("write to a page", "denied"),
        ("read a component", "done"),
        ("write to granted data", "done"),
        ("make a file in granted data", "done"),
        ("rename granted data", "done"),
        ("make a device in granted data", "denied"),
        ("read a secret beside the grants", "denied"),
        ("read /etc/passwd", "denied"),
        ("read /etc/passwd through a link", "denied"),
        ("list /", "denied"),
        ("list /root", "denied"),
        ("write to /tmp", "denied"),
        ("read the memory of the parent", "denied"),
        ("read the environment of the parent", "denied"),
        ("write to its own memory", "denied"),
        ("start a program", "denied"),
        ("fork", "denied"),
        ("execveat", "denied"),
        ("ptrace", "denied"),
        ("process_vm_readv", "denied"),
        ("signal the parent", "denied"),
        ("mount", "denied"),
        ("unshare", "denied"),
        ("setns", "denied"),
        ("chroot", "denied"),
        ("bpf", "denied"),
        ("perf_event_open", "denied"),
        ("keyctl", "denied"),
        ("init_module", "denied"),
        ("io_uring_setup", "denied"),
        ("userfaultfd", "denied"),
        ("a raw socket of packets", "denied"),
        ("listen", "done"),
        ("start a thread", "done"),
    ] {
        assert_eq!(outcome(&said, what), expected, "{what}: {said}");
    }
}

/// Plays a compiler that a component has taken over.
#[test]
fn a_broken_compiler_reaches_nothing() {
    let site = Site::new(&[("page.html", "page")]);
    let said = attack("hardening::attack_of_a_broken_compiler", &site.path());
    for what in [
        "read a page",
        "read /etc/passwd",
        "read its own environment",
        "make a file",
        "use a file that was open",
        "connect",
        "make a socket",
        "make a pipe",
        "make a file in memory",
        "start a program",
        "start a thread",
        "fork",
        "make memory executable",
        "ptrace",
        "signal the parent",
        "bpf",
    ] {
        assert_eq!(outcome(&said, what), "denied", "{what}: {said}");
    }
    assert_eq!(outcome(&said, "use memory"), "done", "{said}");
}

#[test]
#[ignore = "a_broken_engine_reaches_only_what_was_granted runs this in a process of its own"]
fn attack_of_a_broken_engine() {
    let Some(folder) = std::env::var_os("BELLJAR_TEST_FOLDER") else {
        return;
    };
    let folder = Path::new(&folder);
    let parent = std::os::unix::process::parent_id();
    let file = folder.join("config/belljar.toml");
    let config = Config::read(&file).unwrap_or_else(|problems| panic!("{problems}"));
    let report = harden_server(&[], &Paths::of(&config, Some(&file)), false);
    eprintln!("{report}");
    let data = folder.join("data");
    try_to("read a page", || {
        File::open(folder.join("public/page.html"))
    });
    try_to("write to a page", || {
        File::create(folder.join("public/page.html"))
    });
    try_to("read a component", || {
        File::open(folder.join("components/a.wasm"))
    });
    try_to("write to granted data", || {
        fs::write(data.join("old"), "new")
    });
    try_to("make a file in granted data", || {
        fs::write(data.join("new"), "new")
    });
    try_to("rename granted data", || {
        fs::rename(data.join("new"), data.join("old"))
    });
    try_to("make a device in granted data", || {
        system_call(libc::SYS_mknodat, [0, 0, 0, 0, 0])
    });
    try_to("read a secret beside the grants", || {
        File::open(folder.join("../secret"))
    });
    try_to("read /etc/passwd", || File::open("/etc/passwd"));
    std::os::unix::fs::symlink("/etc/passwd", data.join("link")).expect("a link can be made");
    try_to("read /etc/passwd through a link", || {
        File::open(data.join("link"))
    });
    try_to("list /", || fs::read_dir("/"));
    try_to("list /root", || fs::read_dir("/root"));
    try_to("write to /tmp", || {
        File::create("/tmp/belljar-test-escaped")
    });
    try_to("read the memory of the parent", || {
        File::open(format!("/proc/{parent}/mem"))
    });
    try_to("read the environment of the parent", || {
        File::open(format!("/proc/{parent}/environ"))
    });
    try_to("write to its own memory", || {
        File::options().write(true).open("/proc/self/mem")
    });
    try_to("start a program", || Command::new("/bin/true").spawn());
    try_to("fork", || system_call(libc::SYS_clone, [17, 0, 0, 0, 0]));
    try_to("execveat", || system_call(libc::SYS_execveat, [0; 5]));
    try_to("ptrace", || {
        system_call(libc::SYS_ptrace, [16, parent as usize, 0, 0, 0])
    });
    try_to("process_vm_readv", || {
        system_call(libc::SYS_process_vm_readv, [parent as usize, 0, 0, 0, 0])
    });
    try_to("signal the parent", || signal(parent));
    try_to("mount", || system_call(libc::SYS_mount, [0; 5]));
    // CLONE_NEWUSER
    try_to("unshare", || {
        system_call(libc::SYS_unshare, [0x1000_0000, 0, 0, 0, 0])
    });
    try_to("setns", || system_call(libc::SYS_setns, [0; 5]));
    try_to("chroot", || system_call(libc::SYS_chroot, [0; 5]));
    try_to("bpf", || system_call(libc::SYS_bpf, [0; 5]));
    try_to("perf_event_open", || {
        system_call(libc::SYS_perf_event_open, [0; 5])
    });
    try_to("keyctl", || system_call(libc::SYS_keyctl, [0; 5]));
    try_to("init_module", || system_call(libc::SYS_init_module, [0; 5]));
    try_to("io_uring_setup", || {
        system_call(libc::SYS_io_uring_setup, [0; 5])
    });
    try_to("userfaultfd", || system_call(libc::SYS_userfaultfd, [0; 5]));
    try_to("a raw socket of packets", || {
        system_call(libc::SYS_socket, [libc::AF_PACKET as usize, 3, 0, 0, 0])
    });
    try_to("listen", || TcpListener::bind("127.0.0.1:0"));
    try_to("start a thread", || {
        std::thread::Builder::new().spawn(|| ())
    });
}

#[test]
#[ignore = "a_broken_compiler_reaches_nothing runs this in a process of its own"]
fn attack_of_a_broken_compiler() {
    let Some(folder) = std::env::var_os("BELLJAR_TEST_FOLDER") else {
        return;
    };
    let folder = Path::new(&folder);
    let parent = std::os::unix::process::parent_id();
    let mut open = File::open(folder.join("page.html")).expect("the page can be read");
    harden_compiler().expect("the layers can be put on");
    try_to("read a page", || File::open(folder.join("page.html")));
    try_to("read /etc/passwd", || File::open("/etc/passwd"));
    try_to("read its own environment", || {
        File::open("/proc/self/environ")
    });
    try_to("make a file", || File::create(folder.join("new")));
    try_to("use a file that was open", || {
        io::copy(&mut open, &mut io::sink())
    });
    // Its number was closed under it.
    std::mem::forget(open);
    try_to("connect", || std::net::TcpStream::connect("127.0.0.1:1"));
    try_to("make a socket", || {
        system_call(libc::SYS_socket, [1, 1, 0, 0, 0])
    });
    try_to("make a pipe", io::pipe);
    try_to("make a file in memory", || {
        system_call(libc::SYS_memfd_create, [0; 5])
    });
    try_to("start a program", || Command::new("/bin/true").spawn());
    try_to("start a thread", || {
        std::thread::Builder::new().spawn(|| ())
    });
    try_to("fork", || system_call(libc::SYS_clone, [17, 0, 0, 0, 0]));
    // A private mapping of no file, to be read, written and run.
    try_to("make memory executable", || {
        system_call(libc::SYS_mmap, [0, 4096, 7, 0x22, usize::MAX])
    });
    try_to("ptrace", || {
        system_call(libc::SYS_ptrace, [16, parent as usize, 0, 0, 0])
    });
    try_to("signal the parent", || signal(parent));
    try_to("bpf", || system_call(libc::SYS_bpf, [0; 5]));
    try_to("use memory", || Ok(vec![1; 10 << 20]));
}

/// Runs one of the attacks above in a process of its own, and returns what it wrote.
fn attack(name: &str, folder: &Path) -> String {
    let program = std::env::current_exe().expect("this program has a file");
    let output = Command::new(program)
        .args([
            "--exact",
            name,
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env("BELLJAR_TEST_FOLDER", folder)
        .output()
        .expect("this program starts");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn try_to<T>(what: &str, attempt: impl FnOnce() -> io::Result<T>) {
    let outcome = match attempt() {
        Ok(_) => "done".to_owned(),
        Err(error) => match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES | libc::EMFILE | libc::EBADF) => "denied".to_owned(),
            _ => error.to_string(),
        },
    };
    eprintln!("{what}: {outcome}");
}

/// Tries to send the signal 0, which has no effect.
fn signal(process: u32) -> io::Result<()> {
    system_call(libc::SYS_kill, [process as usize, 0, 0, 0, 0])
}

fn outcome<'a>(said: &'a str, what: &str) -> &'a str {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
    line.unwrap_or("nothing")
}

/// The value of a line of /proc/PID/status.
fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim()
}

/// A limit of a process (the soft one).
fn limit(process: u32, name: &str) -> String {
    let limits =
        fs::read_to_string(format!("/proc/{process}/limits")).expect("the process is there");
    let line = limits.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_whitespace().next());
    value.unwrap_or_default().to_owned()
}
