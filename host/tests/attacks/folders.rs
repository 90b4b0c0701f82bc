//! Folders of handlers with entries that are no files, are links to somewhere, have strange names, or change all the time.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::footprint::Footprint;
use crate::support::{Server, Site, answering, past};

/// The entries are there before the server starts, and appear while it runs. Each time a later handler goes live.
#[test]
fn entries_that_are_no_files_stop_no_deploy() {
    let site = Site::new(&[]);
    let server = serve(&site);
    let before = Footprint::of(&server);
    for (what, plant) in entries() {
        plant(&site);
        assert_deploys(&server, &site, what);
    }
    before.assert_never_exceeded(&server, 256 << 20, "strange entries");
    assert_no_forgery(&server);
    // Another server finds all of them at its start.
    let again = serve(&site);
    assert_deploys(&again, &site, "a start with strange entries");
    assert_no_forgery(&again);
    drop(again);
    clear(&site);
    assert_deploys(&server, &site, "strange entries were removed");
    before.assert_regained(&server, "strange entries");
}

/// Settings beside a handler are a small regular file, or the handler is refused.
#[test]
fn settings_that_are_no_files_stop_no_deploy() {
    let site = Site::new(&[]);
    let server = serve(&site);
    let before = Footprint::of(&server);
    for (what, plant) in settings() {
        site.write("handlers/set.wasm", &answering("set\n"));
        plant(&site);
        assert_deploys(&server, &site, what);
        let _ = fs::remove_file(site.at("handlers/set.toml"));
    }
    before.assert_never_exceeded(&server, 256 << 20, "strange settings");
    assert_no_forgery(&server);
    clear(&site);
    assert_deploys(&server, &site, "strange settings were removed");
    before.assert_regained(&server, "strange settings");
}

/// Some tens of thousands of entries. A million would take CI minutes to make.
#[test]
fn many_entries_stop_no_deploy() {
    let site = Site::new(&[]);
    let server = serve(&site);
    let before = Footprint::of(&server);
    for folder in 0..20 {
        let folder = site.at(&format!("handlers/many-{folder}"));
        fs::create_dir(&folder).expect("the folder can be made");
        for file in 0..1_000 {
            File::create(folder.join(format!("{file}.txt"))).expect("the file can be made");
        }
    }
    for junk in 0..50 {
        site.write(
            &format!("handlers/junk-{junk}.wasm"),
            b"this is no component",
        );
    }
    assert_deploys(&server, &site, "many entries");
    before.assert_regained(&server, "many entries");
}

/// Files that grow, shrink and are replaced while the server reads them.
#[test]
fn files_that_change_all_the_time_stop_no_deploy() {
    let site = Site::new(&[]);
    let server = serve(&site);
    let before = Footprint::of(&server);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let component = answering("changing\n");
            let path = site.at("handlers/changing.wasm");
            let mut turn = 0_usize;
            while !over.load(Ordering::Relaxed) {
                turn += 1;
                match turn % 4 {
                    0 => drop(fs::write(&path, &component)),
                    1 => drop(fs::write(&path, &component[..component.len() / 2])),
                    2 => drop(fs::remove_file(&path)),
                    _ => {
                        let temporary = site.at("handlers/temporary");
                        drop(fs::write(&temporary, vec![turn as u8; 100_000]));
                        drop(fs::rename(&temporary, &path));
                    }
                }
                thread::yield_now();
            }
        });
        scope.spawn(|| {
            let path = site.at("handlers/growing.wasm");
            let mut growing = File::create(path).expect("the file can be made");
            let component = answering("growing\n");
            // At most 64 MB.
            for _ in 0..640 {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let _ = growing.write_all(&component.repeat(100_000 / component.len()));
                thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        for round in 0..3 {
            assert_deploys(&server, &site, &format!("round {round}"));
        }
        over.store(true, Ordering::Relaxed);
    });
    before.assert_regained(&server, "files that change");
}

type Plant = fn(&Site);

fn entries() -> Vec<(&'static str, Plant)> {
    vec![
        ("a FIFO", |site| site.fifo("handlers/fifo.wasm")),
        ("a link to a FIFO", |site| {
            site.symlink("fifo.wasm", "handlers/to-fifo.wasm");
        }),
        ("a socket", |site| {
            let listener = std::os::unix::net::UnixListener::bind(site.at("handlers/socket.wasm"));
            drop(listener.expect("the socket can be made"));
        }),
        ("links to devices", |site| {
            for device in ["zero", "full", "random", "tty", "stdin"] {
                site.symlink(format!("/dev/{device}"), &format!("handlers/{device}.wasm"));
            }
        }),
        ("links to files of the system", |site| {
            for (name, target) in [
                ("passwd", "/etc/passwd"),
                ("memory", "/proc/self/mem"),
                ("maps", "/proc/self/maps"),
                // Reading it waits for a message of the kernel.
                ("messages", "/proc/kmsg"),
            ] {
                site.symlink(target, &format!("handlers/{name}.wasm"));
            }
        }),
        ("links without end", |site| {
            site.symlink("two.wasm", "handlers/one.wasm");
            site.symlink("one.wasm", "handlers/two.wasm");
            site.symlink(".", "handlers/here");
            site.symlink("..", "handlers/up");
        }),
        ("a folder with the name of a component", |site| {
            fs::create_dir(site.at("handlers/folder.wasm")).expect("the folder can be made");
        }),
        ("a deep folder", |site| {
            let path = site.at("handlers").join("deep/".repeat(200));
            fs::create_dir_all(path).expect("the folders can be made");
        }),
        ("names with control bytes", |site| {
            for name in [
                &b"a\nFORGED.wasm"[..],
                b"b\r\nFORGED.wasm",
                b"c\x1b[2J.wasm",
                b"d\x7f.wasm",
                b"\xff\xfe.wasm",
                "e\u{202e}.wasm".as_bytes(),
            ] {
                let path = site.at("handlers").join(OsStr::from_bytes(name));
                fs::write(path, b"no component").expect("the file can be written");
            }
        }),
        ("names that look like routes", |site| {
            for name in [
                "[.wasm",
                "[].wasm",
                "[a.wasm",
                "*.wasm",
                "a?b.wasm",
                "%2e%2e.wasm",
                ":id.wasm",
                "..wasm",
                ".wasm",
                " .wasm",
            ] {
                site.write(&format!("handlers/{name}"), &answering("odd\n"));
            }
        }),
        ("a long name", |site| {
            let name = "n".repeat(250);
            site.write(&format!("handlers/{name}.wasm"), &answering("long\n"));
        }),
        ("a sparse file of a terabyte", |site| {
            drop(site.sparse("handlers/sparse.wasm", 1 << 40));
        }),
        ("a component with a time long past", |site| {
            site.write("handlers/old.wasm", &answering("old\n"));
            site.set_modified("handlers/old.wasm", past());
        }),
    ]
}

fn settings() -> Vec<(&'static str, Plant)> {
    vec![
        ("settings: a FIFO", |site| site.fifo("handlers/set.toml")),
        // As many as are read at once, and more.
        ("settings: many FIFOs", |site| {
            for number in 0..20 {
                let name = format!("handlers/of-fifo-{number}");
                site.write(&format!("{name}.wasm"), &answering("fifo\n"));
                site.fifo(&format!("{name}.toml"));
            }
        }),
        ("settings: endless zeros", |site| {
            site.symlink("/dev/zero", "handlers/set.toml");
        }),
        ("settings: a terabyte", |site| {
            drop(site.sparse("handlers/set.toml", 1 << 40));
        }),
        ("settings: a file of the system", |site| {
            site.symlink("/etc/shadow", "handlers/set.toml");
        }),
        ("settings: binary", |site| {
            site.write("handlers/set.toml", &[0xff; 1000]);
        }),
        ("settings: nested without end", |site| {
            let text = format!("a = {}", "[".repeat(100_000));
            site.write("handlers/set.toml", text.as_bytes());
        }),
        ("settings: a forged line", |site| {
            site.write("handlers/set.toml", b"\"a\\nFORGED \\u001b[2J\" = 1\n");
        }),
    ]
}

/// Fails unless the neighbour answers, and a handler that is written now goes live.
fn assert_deploys(server: &Server, site: &Site, after: &str) {
    server.assert_alive(after);
    let text = format!("after {after}\n");
    site.write("handlers/later.wasm", &answering(&text));
    server.wait_for_text("/later", &text);
    server.assert_alive(after);
}

/// Removes everything but the two handlers of the tests.
fn clear(site: &Site) {
    let entries = fs::read_dir(site.at("handlers")).expect("the folder is there");
    for entry in entries.flatten() {
        let kept = ["hello.wasm", "later.wasm"].map(OsStr::new);
        if !kept.contains(&entry.file_name().as_os_str()) {
            let path = entry.path();
            let removed = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            removed.expect("the entry can be removed");
        }
    }
}

fn assert_no_forgery(server: &Server) {
    let log = server.log();
    assert!(!log.lines().any(|line| line.starts_with("FORGED")), "{log}");
    let control = log.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{}", log.escape_debug());
    assert!(!log.contains("root:"), "{log}");
}

fn serve(site: &Site) -> Server {
    site.write("handlers/hello.wasm", &answering("hello\n"));
    let handlers: &Path = &site.at("handlers");
    let server = Server::options().arg("--handlers").arg(handlers).start();
    // A first deploy, so that the server has started the threads that it needs for one.
    assert_deploys(&server, site, "the start");
    server
}
